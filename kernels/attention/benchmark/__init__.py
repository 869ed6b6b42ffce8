"""What packed attention is measured against, and how near it comes to what the machine can do."""
