"""Biological observations: sequences, structures, and what training reads off complexes of both."""
