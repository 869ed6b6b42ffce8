"""Convolutions with large kernels on CPUs."""

from foundation.kernels.convolution.fourier import WideConv2d, fourier_conv2d

__all__ = ["WideConv2d", "fourier_conv2d"]
