"""Codes of positions along a chain: rotary turns for self-attention, waves for attention to a protein.

Both are formed in float64, from coordinates relative to something that is known: then they do not depend on what a
sequence will still become, and a row's code never changes.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

LONGEST = 512  # of the waves: their lengths go from 2 letters up to this many times as much


def rotary_turns(index: Int[Tensor, "T"], dim: int, base: float) -> Float[Tensor, "T half"]:
    """Fractions of a turn of the dim / 2 pairs of a head, float32."""
    turns = index.double()[:, None] * rotary_frequencies(dim, base).to(index.device) / (2 * math.pi)
    return (turns - turns.floor()).float()


def waves(index: Int[Tensor, "T"], width: int) -> Float[Tensor, "T width"]:
    """Sines, then cosines of the signed distance at each frequency, float32."""
    angle = index.double()[:, None] * wave_frequencies(width).to(index.device)
    return torch.cat([angle.sin(), angle.cos()], -1).float()


def rotary_frequencies(dim: int, base: float) -> Float[Tensor, "half"]:
    """base^(-2 i / dim), i = 0 ... dim / 2 - 1, in radians a letter, float64."""
    return base ** (-2 * torch.arange(dim // 2, dtype=torch.float64) / dim)


def wave_frequencies(width: int) -> Float[Tensor, "half"]:
    """pi / 512^(2 k / width), k = 0 ... width / 2 - 1, in radians a letter, float64."""
    return math.pi * LONGEST ** (-2 * torch.arange(width // 2, dtype=torch.float64) / width)
