"""Replay of reveal steps: completion, any-to-any generation, design."""
