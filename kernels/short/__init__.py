"""Attention over very short sequences, such as the few frames of a field at one place."""

from foundation.kernels.short.reference import reference_short_attention
from foundation.kernels.short.short import short_attention

__all__ = ["reference_short_attention", "short_attention"]
