"""Matrix products on CPUs, with the weight laid out as the product reads it."""

from foundation.kernels.products.products import ALWAYS, LaidOutProducts, laid_out_linear, linear_as_it_lies

__all__ = ["ALWAYS", "LaidOutProducts", "laid_out_linear", "linear_as_it_lies"]
