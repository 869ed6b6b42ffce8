"""Names and layouts of released checkpoints, one file a system."""
