"""Attention over packed, selectively visible tokens."""

from foundation.kernels.attention.attention import attention
from foundation.kernels.attention.layout import AttentionLayout
from foundation.kernels.attention.reference import reference_attention

__all__ = ["AttentionLayout", "attention", "reference_attention"]
