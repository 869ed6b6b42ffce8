"""Linear map and cross-entropy in one, for codebooks so large that their logits would not fit."""

from foundation.kernels.loss.loss import linear_cross_entropy
from foundation.kernels.loss.reference import reference_linear_cross_entropy

__all__ = ["linear_cross_entropy", "reference_linear_cross_entropy"]
