"""Sites: how well scores of all places tell the splice sites, with intervals from drawing transcripts again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int64

from foundation.data.biology.genes.layout import ACCEPTOR, DONOR, END, START
from foundation.data.biology.track import Track
from foundation.errors import FoundationError
from foundation.evaluation.bootstrap import Drawn

KINDS = {"acceptor": ACCEPTOR, "donor": DONOR, "start": START, "end": END}


def sites_of(track: Track, kind: str) -> Bool[np.ndarray, "n"]:
    """Where a track of junctions in five classes has those of a kind.

    Raises:
        FoundationError: there is no such kind.
    """
    if kind not in KINDS:
        raise FoundationError(f"no kind of site {kind!r}; there are {', '.join(KINDS)}. Give one of these.")
    return track.values == KINDS[kind]


@dataclass(frozen=True, eq=False)
class SiteScores:
    """Scores of all places of several transcripts, and which places are sites.

    Args:
        scores: of each transcript [n], larger = likelier; any scale, the same for all.
        sites: of each transcript, bool [n].

    Raises:
        FoundationError: nothing, no site, other lengths, or scores that are not numbers.
    """

    scores: Sequence[Float[np.ndarray, "_"]]
    sites: Sequence[Bool[np.ndarray, "_"]]

    def __post_init__(self) -> None:
        if [len(s) for s in self.scores] != [len(s) for s in self.sites] or not any(s.any() for s in self.sites):
            raise FoundationError(
                f"scores of {len(self.scores)} transcripts for {len(self.sites)} with "
                f"{sum(int(s.sum()) for s in self.sites)} sites. Give a score for each place, and a site at least."
            )
        if any(np.isnan(s).any() for s in self.scores):
            raise FoundationError("a score is not a number. Give the least where nothing is known.")

    def average_precision(self, weight: Int64[np.ndarray, "transcripts"] | None = None) -> float:
        """Area under precision over recall, all places pooled; each transcript counts `weight` times."""
        found, all_places = self._cumulative(weight)
        if not found[-1]:
            return float("nan")
        ends = self._ties
        recall = np.diff(found[ends], prepend=0) / found[-1]
        return float(np.sum(recall * found[ends] / np.maximum(all_places[ends], 1)))

    def top(self, share: float = 1.0, weight: Int64[np.ndarray, "transcripts"] | None = None) -> float:
        """The share of true sites among the best-scored places, of which `share` times as many are taken as sites.

        With `share` 1 this is the top-k accuracy of SpliceAI (Jaganathan et al. 2019, Cell 176, 535). Of equal scores
        at the border a proportionate part counts.
        """
        found, all_places = self._cumulative(weight)
        if not found[-1]:
            return float("nan")
        k = share * found[-1]
        ends = self._ties
        return float(np.interp(k, [0, *all_places[ends]], [0, *found[ends]]) / min(k, found[-1]))

    def drawn(self, statistic: str = "average_precision", seed: int = 0, resamples: int = 200) -> Drawn:
        """A statistic with its bootstrap over transcripts: "average_precision" or "top"."""
        n = len(self.scores)

        def of(index: np.ndarray) -> float:
            return getattr(self, statistic)(weight=np.bincount(index, minlength=n))

        return Drawn.of(of, n, seed, resamples)

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores from the highest, whether each is a site, and its transcript."""
        scores = np.concatenate([np.asarray(s, np.float64) for s in self.scores])
        owner = np.repeat(np.arange(len(self.scores)), [len(s) for s in self.scores])
        order = np.argsort(-scores, kind="stable")
        return scores[order], np.concatenate(list(self.sites))[order], owner[order]

    @cached_property
    def _ties(self) -> Int64[np.ndarray, "distinct"]:
        """The last place of each run of equal scores."""
        scores = self._sorted[0]
        return np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)

    def _cumulative(self, weight: Int64[np.ndarray, "transcripts"] | None) -> tuple[np.ndarray, np.ndarray]:
        """Sites and places so far, from the highest score."""
        _, sites, owner = self._sorted
        each = np.ones(len(owner), np.int64) if weight is None else weight[owner]
        return np.cumsum(each * sites), np.cumsum(each)
