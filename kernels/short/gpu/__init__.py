"""Triton kernels of short attention; imported only where they run."""
