"""Fields: simulations on grids, read from and written to The Well's HDF5 layout."""
