"""Readers of survey files, one file a format family; the table of all is in catalog.py."""
