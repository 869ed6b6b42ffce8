"""Modalities that are aligned by position, summed within their track: MIMIC (arXiv:2604.24506)."""
