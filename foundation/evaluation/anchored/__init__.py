"""The synthetic experiment of anchored generation: which order of generation finds motifs of unknown place."""
