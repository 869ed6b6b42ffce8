"""Triton kernels of the prologue; imported only where they run."""
