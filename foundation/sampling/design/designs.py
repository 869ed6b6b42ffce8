"""Designs: sequences with what is known about each, as columns of equal length."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Designs:
    """n sequences, in the order in which they were drawn or ranked.

    Args:
        sequences: letters of RNA (or DNA, with T).
        number: int64 [n], of the sample in the request.
        anchor: int64 [n], letters left of the anchor.
        scores: name -> float64 [n]; NaN where one is not known.
        folds: dot-bracket strings of the most stable structures, or empty.
    """

    sequences: tuple[str, ...]
    number: Int[np.ndarray, "n"]
    anchor: Int[np.ndarray, "n"]
    scores: dict[str, Float[np.ndarray, "n"]] = field(default_factory=dict)
    folds: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sequences)

    def select(self, index: Int[np.ndarray, "kept"]) -> "Designs":
        """The designs at `index`, in this order."""
        return Designs(
            tuple(self.sequences[i] for i in index),
            self.number[index],
            self.anchor[index],
            {name: values[index] for name, values in self.scores.items()},
            tuple(self.folds[i] for i in index) if self.folds else (),
        )

    def with_scores(self, **scores: Float[np.ndarray, "n"]) -> "Designs":
        """With more columns."""
        return replace(self, scores=self.scores | scores)
