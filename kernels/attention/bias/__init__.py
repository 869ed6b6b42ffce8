"""Trainable terms added to the logits of pairs of rows, in three forms that need no dense tensor of all pairs."""

from foundation.kernels.attention.bias.point import PointBias
from foundation.kernels.attention.bias.ragged import RaggedBias
from foundation.kernels.attention.bias.relative import RelativeBias

Bias = RaggedBias | PointBias | RelativeBias

__all__ = ["Bias", "PointBias", "RaggedBias", "RelativeBias"]
