"""Sites: how well scores of all places tell the splice sites, with intervals from drawing transcripts again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int64
from scipy.sparse import csr_array

from foundation.data.biology.genes.layout import ACCEPTOR, DONOR, END, START
from foundation.data.biology.track import Track
from foundation.errors import FoundationError
from foundation.evaluation.bootstrap import RESAMPLES, Drawn, drawn_counts

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
        return float(_average_precision(*self._so_far(self._column(weight)))[0])

    def top(self, share: float = 1.0, weight: Int64[np.ndarray, "transcripts"] | None = None) -> float:
        """The share of true sites among the best-scored places, of which `share` times as many are taken as sites.

        With `share` 1 this is the top-k accuracy of SpliceAI (Jaganathan et al. 2019, Cell 176, 535). Of equal scores
        at the border a proportionate part counts.
        """
        return float(_top(*self._so_far(self._column(weight)), share)[0])

    def drawn(self, statistic: str = "average_precision", seed: int = 0, resamples: int = RESAMPLES) -> Drawn:
        """A statistic with its bootstrap over transcripts: "average_precision" or "top"."""
        weights = drawn_counts(len(self.scores), seed, resamples)
        of_each = {"average_precision": _average_precision, "top": _top}[statistic](*self._so_far(weights))
        return Drawn(float(of_each[0]), of_each[1:])

    def _column(self, weight: Int64[np.ndarray, "transcripts"] | None) -> Int64[np.ndarray, "transcripts 1"]:
        return np.ones((len(self.scores), 1), np.int64) if weight is None else np.asarray(weight)[:, None]

    def _so_far(self, weights: Int64[np.ndarray, "transcripts draws"]) -> tuple[np.ndarray, np.ndarray]:
        """Sites and places from the highest score, before and after each run of equal scores that holds a site.

        What lies between such runs adds places only, so these are all that the statistics need. Both are
        [2 * runs, draws]; a transcript counts as often as `weights` says.
        """
        return tuple(np.cumsum(counts @ weights, 0) for counts in self._counts)  # type: ignore[return-value]

    @cached_property
    def _counts(self) -> tuple[csr_array, csr_array]:
        """Sites, and places, of each transcript in these stretches of the sorted scores [2 * runs, transcripts]."""
        scores = np.concatenate([np.asarray(s, np.float64) for s in self.scores])
        order = np.argsort(-scores, kind="stable")
        sites = np.concatenate(list(self.sites))[order]
        owner = np.repeat(np.arange(len(self.scores)), [len(s) for s in self.scores])[order]
        ranked = scores[order]
        run = np.cumsum(np.append(False, ranked[1:] != ranked[:-1]))
        holds = np.bincount(run, sites) > 0
        before = np.cumsum(holds) - holds  # runs with sites, before each run
        stretch = (2 * before + holds)[run]
        kept = stretch < 2 * holds.sum()  # behind the last site nothing counts
        own, shape = (stretch[kept], owner[kept]), (2 * int(holds.sum()), len(self.scores))
        counted = (sites[kept].astype(np.int64), np.ones(len(own[0]), np.int64))
        return tuple(csr_array((each, own), shape) for each in counted)  # type: ignore[return-value]


def _average_precision(found: np.ndarray, places: np.ndarray) -> Float[np.ndarray, "draws"]:
    found, places = found[1::2], places[1::2]  # at the ends of runs with sites
    with np.errstate(invalid="ignore"):
        recall = np.diff(found, axis=0, prepend=0) / found[-1]
    return np.sum(recall * found / np.maximum(places, 1), 0)


def _top(found: np.ndarray, places: np.ndarray, share: float = 1.0) -> Float[np.ndarray, "draws"]:
    return np.array([_top_of_one(f, p, share) for f, p in zip(found.T, places.T, strict=True)])


def _top_of_one(found: np.ndarray, places: np.ndarray, share: float) -> float:
    if not found[-1]:
        return float("nan")
    k = share * found[-1]
    return float(np.interp(k, [0, *places], [0, *found]) / min(k, found[-1]))
