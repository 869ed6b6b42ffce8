"""Compared: numbers of several ways to answer one question on the same genes, with intervals and what each gains."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from foundation.evaluation.bootstrap import Difference, Drawn, Interval, paired


@dataclass(frozen=True)
class Compared:
    """One way to answer.

    Args:
        name: of it, such as what was shown.
        scores: name of a statistic -> value and 68 % interval over draws of genes.
        gains: the same -> by how much it is better than the reference on the same draws; empty of the reference itself.
    """

    name: str
    scores: Mapping[str, Interval]
    gains: Mapping[str, Difference]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def compared(ways: Mapping[str, Mapping[str, Drawn]], reference: str) -> list[Compared]:
    """All ways, each beside the reference.

    Args:
        ways: name -> statistic -> its draws; larger is better, and all are drawn from the same genes.
    """
    found = []
    for name, drawn in ways.items():
        gains = {} if name == reference else {s: paired(d, ways[reference][s], float) for s, d in drawn.items()}
        found.append(Compared(name, {s: d.interval for s, d in drawn.items()}, gains))
    return found


def of_mean(
    values: Float64[np.ndarray, "n"], weight: Float64[np.ndarray, "n"], owner: Sequence[str], seed: int = 0
) -> Drawn:
    """The weighted mean of rows, genes drawn again.

    Args:
        values: of each row.
        weight: of each row, such as how many places it is a mean of.
        owner: gene of each row.
    """
    _, gene = np.unique(np.array(owner), return_inverse=True)
    sums, weights = (np.bincount(gene, x) for x in (values * weight, weight))
    return Drawn.of(lambda index: float(sums[index].sum() / weights[index].sum()), len(sums), seed)


def words(interval: Interval) -> str:
    """0.912 (0.902 to 0.921)."""
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def gained(difference: Difference) -> str:
    """+0.012 (+0.002 to +0.021)."""
    return f"{difference.gain:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"
