"""Sequences drawn outwards from an anchor, before a protein, and how likely given ones are."""
