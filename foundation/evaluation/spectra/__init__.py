"""What frozen models of spectra know, on simulated and on real surveys."""
