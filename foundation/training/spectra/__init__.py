"""Training of models over spectra of any survey."""
