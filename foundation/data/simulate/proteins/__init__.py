"""Simulated proteins: backbones that fold back on themselves, and sequences that depend on them in a known way."""
