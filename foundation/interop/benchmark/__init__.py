"""AION-1 beside its release, or a plain reading of it."""
