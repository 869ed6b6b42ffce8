"""Genes: annotated genomes as rows of aligned tracks, one for each transcript."""
