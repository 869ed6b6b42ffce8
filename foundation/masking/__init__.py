"""Masking policies: what is given, what is asked, in which order."""
