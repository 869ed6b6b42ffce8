"""The transformer over simulation fields: adaptive strides, boundary flags, jitter, blocks split in space and time."""
