"""Attention over packed, selectively visible tokens, with trainable biases."""

from foundation.kernels.attention.attention import attention
from foundation.kernels.attention.backend import Backend, use_backend
from foundation.kernels.attention.bias import PointBias, RaggedBias, RelativeBias
from foundation.kernels.attention.layout import AttentionLayout
from foundation.kernels.attention.reference import reference_attention

__all__ = [
    "AttentionLayout",
    "Backend",
    "PointBias",
    "RaggedBias",
    "RelativeBias",
    "attention",
    "reference_attention",
    "use_backend",
]
