"""Quantizer: vectors to codes and back; finite scalar (FSQ) or lookup free (LFQ), both of vector-quantize-pytorch."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from vector_quantize_pytorch import FSQ, LFQ

from foundation.tokenizers.base import TokenizerError


@dataclass(frozen=True)
class Quantized:
    """Vectors on the grid of codes, with straight-through gradients; their indices; the quantiser's own loss."""

    codes: Float[Tensor, "B n d"]
    indices: Int[Tensor, "B n"]
    loss: Float[Tensor, ""]


class Quantizer(nn.Module, ABC):
    """Rounds each component of a vector to one of its levels; `size` is the number of combinations."""

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.width = len(levels)
        self.size = math.prod(levels)

    @abstractmethod
    def forward(self, vectors: Float[Tensor, "B n d"]) -> Quantized:
        """Quantise."""

    @abstractmethod
    def codes(self, indices: Int[Tensor, "B n"]) -> Float[Tensor, "B n d"]:
        """The vectors that indices stand for."""


class FiniteScalarQuantizer(Quantizer):
    """FSQ (arXiv:2309.15505): L levels in steps of 1 / floor(L / 2); the first component varies fastest.

    With `normalise` the components are brought to zero mean and unit variance over the training data first. Without
    it small codecs drive them into the saturation of FSQ's tanh, where only the corners of the grid are used.
    """

    def __init__(self, levels: Sequence[int], normalise: bool = False) -> None:
        super().__init__(levels)
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.int32))
        self.normal = nn.BatchNorm1d(len(levels), affine=False) if normalise else None
        self.fsq = FSQ(list(levels))

    def forward(self, vectors: Float[Tensor, "B n d"]) -> Quantized:
        """Quantise; FSQ needs no loss of its own."""
        if self.normal is not None:
            vectors = self.normal(vectors.transpose(1, 2)).transpose(1, 2)
        codes, indices = self.fsq(vectors)
        return Quantized(codes, indices.long(), vectors.new_zeros(()))

    def codes(self, indices: Int[Tensor, "B n"]) -> Float[Tensor, "B n d"]:
        """The vectors that indices stand for."""
        return self.fsq.indices_to_codes(indices)


class LookupFreeQuantizer(Quantizer):
    """LFQ (arXiv:2310.05737): the sign of each component; the first is the most significant bit.

    Its loss is 0.1 (entropy of a vector's code - entropy of the batch's codes) + 0.25 commitment, AION-1's weights.
    """

    def __init__(self, width: int) -> None:
        super().__init__((2,) * width)
        self._quantizer = LFQ(
            dim=width, codebook_size=2**width, entropy_loss_weight=0.1, commitment_loss_weight=0.25, diversity_gamma=1.0
        )

    def forward(self, vectors: Float[Tensor, "B n d"]) -> Quantized:
        """Quantise; the loss is 0 outside training."""
        out = self._quantizer(vectors)
        return Quantized(out.quantized, out.indices.long(), out.entropy_aux_loss)

    def codes(self, indices: Int[Tensor, "B n"]) -> Float[Tensor, "B n d"]:
        """The vectors that indices stand for."""
        return self._quantizer.indices_to_codes(indices)


def make_quantizer(levels: Sequence[int], normalise: bool = False) -> Quantizer:
    """LFQ if every component has two levels, which needs no normalisation; FSQ otherwise.

    Raises:
        TokenizerError: no component, or levels that neither can have.
    """
    if levels and set(levels) == {2}:
        return LookupFreeQuantizer(len(levels))
    if not levels or min(levels) < 3:
        raise TokenizerError(f"quantiser levels {tuple(levels)}: give 3 or more each (FSQ), or 2 for all (LFQ).")
    return FiniteScalarQuantizer(levels, normalise)


@dataclass(frozen=True)
class CodeUse:
    """How much of a codebook is used: the fraction of codes that occur, and exp(entropy) of their frequencies."""

    utilisation: float
    perplexity: float

    @classmethod
    def of(cls, counts: Int[Tensor, "size"]) -> "CodeUse":
        """From how often each code occurred."""
        p = counts.double() / counts.sum().clamp(min=1)
        entropy = -torch.special.xlogy(p, p).sum()
        return cls(float((counts > 0).double().mean()), float(entropy.exp()))
