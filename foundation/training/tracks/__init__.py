"""Training of models whose aligned modalities are summed."""
