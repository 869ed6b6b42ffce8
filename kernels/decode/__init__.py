"""Attention of the newest rows to everything before them, over caches that only grow."""

from foundation.kernels.decode.cache import KeyValueCache, SharedKeys
from foundation.kernels.decode.decode import decode_attention
from foundation.kernels.decode.reference import reference_decode_attention

__all__ = ["KeyValueCache", "SharedKeys", "decode_attention", "reference_decode_attention"]
