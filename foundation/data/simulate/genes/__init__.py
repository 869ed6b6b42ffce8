"""Simulated genes, with the truth of how they are spliced, folded, conserved and translated."""
