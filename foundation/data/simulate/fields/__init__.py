"""Simulated continuum dynamics with known parameters, written in The Well's layout."""
