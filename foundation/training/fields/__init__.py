"""Training on simulations: data sets in 2D and 3D in one model."""
