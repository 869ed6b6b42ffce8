"""AnchoredConfig: sizes of the transformer that grows sequences before a protein."""

from dataclasses import dataclass
from typing import get_args

from foundation.errors import FoundationError
from foundation.model.anchored.order import Factorisation


@dataclass(frozen=True)
class AnchoredConfig:
    """The defaults are RNA-BAnG as released (arXiv:2502.21274): 14,530,161 parameters and 1,280 fixed frequencies.

    Args:
        width: of a residue and of a symbol; even.
        protein_depth: blocks that read the protein.
        depth: blocks that read the sequence.
        heads: of every attention.
        dim: components of a head; even.
        points: of queries and of keys in each head of geometric attention; 21 at most.
        value_points: of values.
        hidden: width of the feed-forward layers.
        base: longest period of the rotary code, in residues or letters, over 2 pi.
        factorisation: the order in which a sequence grows (`foundation.model.anchored.order`).

    Raises:
        FoundationError: sizes that do not fit each other.
    """

    width: int = 128
    protein_depth: int = 10
    depth: int = 10
    heads: int = 12
    dim: int = 64
    points: int = 4
    value_points: int = 8
    hidden: int = 256
    base: float = 1000.0
    factorisation: Factorisation = "pairs"

    def __post_init__(self) -> None:
        if min(self.depth, self.heads, self.points, self.value_points, self.hidden) < 1 or self.protein_depth < 0:
            raise FoundationError(
                f"depth {self.depth}, protein depth {self.protein_depth}, heads {self.heads}, points {self.points} and "
                f"{self.value_points}, hidden {self.hidden}. Give 1 or more of each, and a protein depth of 0 or more."
            )
        if self.width < 4 or self.width % 2 or self.dim < 2 or self.dim % 2 or self.points > 21:
            raise FoundationError(
                f"width {self.width}, head of {self.dim}, {self.points} points. "
                "Choose an even width of 4 or more, an even head, and at most 21 points."
            )
        if self.base <= 1 or self.factorisation not in get_args(Factorisation):
            raise FoundationError(
                f"rotary base {self.base}, factorisation {self.factorisation!r}. "
                f"Choose a base above 1, and one of {', '.join(get_args(Factorisation))}."
            )
