"""Models over spectra of any survey on their own grids."""
