"""Tokens: the one thing that travels between tokenizers, masking policies, batches and the model.

Glossary, one meaning each:
  record    what was measured, in physical units         sample    modality name -> record, with a key
  token     one element of a tokenised sample            space     what a kind of token is
  position  physical coordinates of a token              track     group of modalities aligned by position
  reveal    the step at which a token becomes known       content   an element that carries a token's value
  query     an element that asks for a token's value      document  elements that may attend to each other
  batch     documents laid end to end, no padding         group     a regrouping of rows into other documents

Shapes: L tokens of one sample, E elements of a batch, N documents, A position axes, D model width.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foundation.errors import FoundationError

AXES = 4  # position columns; a space uses the first len(space.axes) of them (time and three of space at most)


@dataclass(frozen=True)
class Axis:
    """One physical coordinate: its unit, and the range and spacing that position codes must resolve."""

    name: str
    unit: str
    low: float
    high: float
    step: float

    def __post_init__(self) -> None:
        if not self.low <= self.high or self.step <= 0:
            raise FoundationError(
                f"Axis {self.name!r}: low {self.low}, high {self.high}, step {self.step}; want low <= high, step > 0."
            )

    @property
    def count(self) -> int:
        """Number of grid points from low to high."""
        return round((self.high - self.low) / self.step) + 1


@dataclass(frozen=True)
class Space:
    """What a kind of token is.

    Args:
        name: unique in a model, such as "spectrum_desi".
        kind: "discrete" (ids below `size`) or "continuous" (vectors of width `size`).
        size: number of codes, or vector width.
        axes: the meaning of the leading position columns; empty for a token without position.
        levels: of a code that numbers the points of a grid, the points of each component, the first varying fastest;
            models start with neighbouring codes alike. Empty if codes have no order.
    """

    name: str
    kind: str
    size: int
    axes: tuple[Axis, ...] = ()
    levels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("discrete", "continuous"):
            raise FoundationError(f"Space {self.name!r} has kind {self.kind!r}. Use 'discrete' or 'continuous'.")
        if self.size < 1 or len(self.axes) > AXES:
            raise FoundationError(
                f"Space {self.name!r}: size {self.size} with {len(self.axes)} axes; "
                f"want size >= 1 and at most {AXES} axes."
            )
        if self.levels and math.prod(self.levels) != self.size:
            raise FoundationError(
                f"Space {self.name!r}: levels {self.levels} number {math.prod(self.levels)} codes, "
                f"size is {self.size}. Make them equal."
            )

    @classmethod
    def restore(cls, content: Mapping[str, Any]) -> "Space":
        """The space whose `dataclasses.asdict` was stored, as JSON or otherwise."""
        axes = tuple(Axis(**axis) for axis in content["axes"])
        return cls(content["name"], content["kind"], content["size"], axes, tuple(content.get("levels", ())))

    @property
    def discrete(self) -> bool:
        """Whether a token of this space is a code (True) or a vector (False)."""
        return self.kind == "discrete"


@dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens of one sample, flat and in no particular order.

    Args:
        spaces: the legend; `space` indexes it.
        ids: int64 [L], the code in a discrete space, the row of `vectors[name]` in a continuous one.
        space: int64 [L].
        position: float64 [L, AXES], physical; float32 would lose the phase of a wavelength code.
        track: int64 [L].
        vectors: name of a continuous space -> float32 [rows, size].
    """

    spaces: tuple[Space, ...]
    ids: Int[Tensor, "L"]
    space: Int[Tensor, "L"]
    position: Float[Tensor, "L A"]
    track: Int[Tensor, "L"]
    vectors: Mapping[str, Float[Tensor, "_ _"]] = field(default_factory=dict)

    @classmethod
    def of_space(
        cls,
        space: Space,
        values: Tensor,
        position: Float[Tensor, "L axes"] | None = None,
        track: int = 0,
    ) -> "Tokens":
        """Tokens of one space from their codes [L] or vectors [L, size], and positions [L, len(space.axes)]."""
        n = len(values)
        full = torch.zeros(n, AXES, dtype=torch.float64)
        if position is not None:
            full[:, : position.shape[1]] = position
        ids = values.long() if space.discrete else torch.arange(n)
        vectors = {} if space.discrete else {space.name: values.float()}
        return cls((space,), ids, torch.zeros(n, dtype=torch.long), full, torch.full((n,), track), vectors)

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, name: str) -> Int[Tensor, "n"]:
        """Indices of the tokens of the space called `name`, in order."""
        index = [i for i, s in enumerate(self.spaces) if s.name == name]
        return torch.nonzero(self.space == (index[0] if index else -1)).flatten()

    def select(self, index: Int[Tensor, "n"] | Bool[Tensor, "L"]) -> "Tokens":
        """The tokens at `index`, with the same legend and vectors."""
        return replace(
            self, ids=self.ids[index], space=self.space[index], position=self.position[index], track=self.track[index]
        )

    def names(self) -> tuple[str, ...]:
        """Names of the spaces that have at least one token, in legend order."""
        present = set(self.space.unique().tolist())
        return tuple(s.name for i, s in enumerate(self.spaces) if i in present)


def concatenate(parts: Sequence[Tokens]) -> Tokens:
    """Tokens of several tokenizers as one sample; spaces of the same name must be equal.

    Raises:
        FoundationError: nothing to concatenate, or two parts disagree on what a space is.
    """
    if not parts:
        raise FoundationError("No tokens to concatenate. The sample has no modality that a tokenizer knows.")
    legend: dict[str, Space] = {}
    for space in (s for part in parts for s in part.spaces):
        if legend.setdefault(space.name, space) != space:
            raise FoundationError(f"Two tokenizers disagree on space {space.name!r}: {legend[space.name]} and {space}.")
    spaces = tuple(legend.values())
    vectors: dict[str, list[Tensor]] = {}
    ids, index = [], []
    for part in parts:
        to_legend = torch.tensor([spaces.index(s) for s in part.spaces])
        shift = torch.tensor([sum(map(len, vectors.get(s.name, ()))) if not s.discrete else 0 for s in part.spaces])
        ids.append(part.ids + shift[part.space])
        index.append(to_legend[part.space])
        for name, rows in part.vectors.items():
            vectors.setdefault(name, []).append(rows)
    return Tokens(
        spaces,
        torch.cat(ids),
        torch.cat(index),
        torch.cat([p.position for p in parts]),
        torch.cat([p.track for p in parts]),
        {name: torch.cat(rows) for name, rows in vectors.items()},
    )
