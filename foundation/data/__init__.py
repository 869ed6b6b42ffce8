"""Records, file formats, shards and the stream of batches."""
