"""The transformer: embed, blocks, heads; pure functions of a TokenBatch."""
