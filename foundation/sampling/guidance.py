"""Guidance: predictions moved away from what is expected without some of what is given (arXiv:2207.12598)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch.distributions import Categorical, Distribution, Normal

from foundation.batch import TokenBatch
from foundation.errors import FoundationError
from foundation.model.heads import Prediction
from foundation.tokens import Tokens


@dataclass(frozen=True)
class Guidance:
    """Which given spaces guide, and how strongly.

    With u what is predicted without any of the conditions and c with all of them, logits are u + scale (c - u); with a
    scale for each condition and c_i what is predicted with that one alone, they are u + sum of scale_i (c_i - u). What
    is given beside the conditions, and what was generated, is there in every pass. Means of vectors are moved likewise.

    Args:
        conditions: names of given spaces, none of which is asked.
        scale: 1 = as predicted, 0 = as if the conditions were not there, above 1 = more than predicted.
    """

    conditions: tuple[str, ...]
    scale: float | tuple[float, ...]

    def __post_init__(self) -> None:
        each = self.scale if isinstance(self.scale, tuple) else (self.scale,) * len(self.conditions)
        if not self.conditions or len(each) != len(self.conditions):
            raise FoundationError(
                f"Guidance by {', '.join(self.conditions) or 'nothing'} with scale {self.scale}. Name one space at "
                "least, and give one scale for all or one for each."
            )

    @property
    def passes(self) -> list[tuple[float, frozenset[str]]]:
        """Weight and hidden spaces of each pass; the weights add up to 1."""
        every = frozenset(self.conditions)
        if isinstance(self.scale, tuple):
            alone = [(s, every - {c}) for c, s in zip(self.conditions, self.scale, strict=True)]
            return [(1 - sum(self.scale), every), *alone]
        return [(1 - self.scale, every), (self.scale, frozenset())]

    def check(self, given: Tokens, asked: Tokens) -> None:
        """Refuse a sample in which the conditions are not conditions.

        Raises:
            FoundationError: one is not given, or is asked too.
        """
        absent, both = set(self.conditions) - set(given.names()), set(self.conditions) & set(asked.names())
        if absent or both:
            raise FoundationError(
                f"Guidance by {', '.join(self.conditions)}, of which {', '.join(sorted(absent)) or 'none'} is not "
                f"given and {', '.join(sorted(both)) or 'none'} is asked. Name spaces that are only given."
            )


def passes_of(guidance: Guidance | None) -> list[tuple[float, frozenset[str]]]:
    """Weight and hidden spaces of each pass; one pass that hides nothing where nothing guides."""
    return guidance.passes if guidance else [(1.0, frozenset())]


def without(batch: TokenBatch, hidden: Sequence[int]) -> TokenBatch:
    """The batch without what is given of these spaces, by index."""
    index = torch.tensor(list(hidden), dtype=torch.long, device=batch.space.device)
    rows = torch.nonzero((batch.code != 0) | ~torch.isin(batch.space, index)).flatten()
    return rows_of(batch, rows)


def rows_of(batch: TokenBatch, rows: torch.Tensor) -> TokenBatch:
    """The batch with these rows only, ascending."""
    if len(rows) == len(batch):
        return batch
    kept = {name: getattr(batch, name)[rows] for name in ("ids", "space", "position", "track", "code", "token")}
    return replace(batch, **kept, offsets=torch.searchsorted(rows, batch.offsets))


def guided(found: Sequence[tuple[float, Mapping[str, Prediction]]]) -> dict[str, Distribution]:
    """The weighted sum of the predictions of several passes, space by space; all asked the same in one order."""
    names = found[0][1]
    return {name: _combined([(weight, p[name].distribution) for weight, p in found]) for name in names}


def _combined(parts: Sequence[tuple[float, Distribution]]) -> Distribution:
    last = parts[-1][1]
    if isinstance(last, Categorical):
        return Categorical(logits=sum(w * d.logits for w, d in parts), validate_args=False)  # type: ignore[attr-defined]
    return Normal(sum(w * d.mean for w, d in parts), last.stddev, validate_args=False)
