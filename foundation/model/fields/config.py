"""FieldModelConfig: sizes and parts of the transformer over simulation fields."""

from dataclasses import dataclass
from typing import Literal

from foundation.errors import FoundationError


@dataclass(frozen=True)
class FieldModelConfig:
    """The defaults are Walrus as released (arXiv:2511.15684): 1,286,199,047 parameters with its 64 fields.

    Args:
        width: of a token.
        depth: blocks, each a time layer and a space layer.
        heads: of attention; width / heads is even and holds 6 * `frequencies` rotated components.
        hidden: width of the gated MLP beside attention in a space layer.
        inner: channels between the two convolutions.
        frequencies: rotary ones of each axis.
        tokens: wanted along an axis if 1, 2 or 3 axes are longer than 1; strides are chosen for it.
        dimensions: 2 and 3 have a pair of encoder and decoder each; fields on a line use that of 2.
        jitter: leave room around walls for shifting the patches by up to half a token, whether shifted or not.
        drop_path: probability of leaving out a layer of the last block; rises linearly from 0 at the first.
        extrapolate: share of the last increment that goes on by itself, so that the model predicts the rest. 1 = an
            untrained model draws lines, and so does a trained one that has left what it knows; below 1 such a line
            comes to a stop (a damped trend, Gardner and McKenzie, Management Science 31, 1237, 1985). 0 = as Walrus.
        sees_increments: show the encoder, beside each frame, the increment that led to it at its own scale: where
            increments are a hundredth of the values they are lost in a frame. False = as Walrus.
        epsilon: least scale of values and of increments.
        rotary: frequencies fixed, or learned for each block and axis.
        grid: tokens along each axis of a learned absolute position, which then fixes them; None = without.
        checkpoint_every: recompute every n-th block in the backward pass; 0 = none.

    Raises:
        FoundationError: sizes that do not fit each other.
    """

    width: int = 1408
    depth: int = 40
    heads: int = 16
    hidden: int = 2816
    inner: int = 352
    frequencies: int = 11
    tokens: tuple[int, int, int] = (32, 32, 16)
    dimensions: tuple[int, ...] = (2, 3)
    jitter: bool = True
    drop_path: float = 0.05
    extrapolate: float = 0.0
    sees_increments: bool = False
    epsilon: float = 1e-5
    rotary: Literal["fixed", "learned"] = "fixed"
    grid: tuple[int, int, int] | None = None
    checkpoint_every: int = 0

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads) or 6 * self.frequencies > self.width // self.heads:
            raise FoundationError(
                f"width {self.width}, {self.heads} heads, {self.frequencies} frequencies. Choose a width divisible by "
                "twice the heads, and heads of at least 6 components a frequency."
            )
        if min(self.depth, self.hidden, self.inner, *self.tokens) < 1 or not 0 <= self.drop_path < 1:
            raise FoundationError(
                f"depth {self.depth}, hidden {self.hidden}, inner {self.inner}, tokens {self.tokens}, drop path "
                f"{self.drop_path}. Give sizes of at least 1 and a drop path from 0 to below 1."
            )
        if not 0 <= self.extrapolate <= 1:
            raise FoundationError(f"extrapolate is {self.extrapolate}. Give a share from 0 to 1.")
        if not self.dimensions or not set(self.dimensions) <= {2, 3}:
            raise FoundationError(f"dimensions {self.dimensions}. Give 2, 3 or both.")
