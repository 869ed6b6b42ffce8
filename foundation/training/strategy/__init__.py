"""How weights, gradients and optimiser states are dealt out over processes, and gathered again for checkpoints."""
