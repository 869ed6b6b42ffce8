"""The Triton path of attention; its files with kernels are imported only when that path is taken."""
