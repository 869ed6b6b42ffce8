"""Training of sequences that grow from an anchor before a protein."""
