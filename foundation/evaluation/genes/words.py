"""Words: a linear model of splice sites from the letters near a place and the short words around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from foundation.errors import FoundationError
from foundation.evaluation.genes.matrices import AROUND, FAR, codes_of

WORD = 3  # letters
WIDE = 80  # letters on either side in which words are counted
NEAR = 22  # letters on either side that count one by one
NEGATIVES = 20  # places that are no sites, for each site learned from
COMMON = 0.005  # share of sites that have a pair of letters for it to be thought of


@dataclass(frozen=True, eq=False)
class WordModel:
    """Logistic regression of one kind of site; places without the two letters that sites have are not thought of.

    Args:
        pairs: pairs of letters at sites, as numbers 0 to 24.
        shift: from the marked base to the first of the pair.
        model: scikit-learn's.
    """

    pairs: frozenset[int]
    shift: int
    model: Any

    @classmethod
    def fit(
        cls, letters: Sequence[str], sites: Sequence[Bool[np.ndarray, "_"]], kind: str, seed: int = 0
    ) -> "WordModel":
        """Learn from all sites and NEGATIVES places for each that have the letters of sites.

        Raises:
            FoundationError: no site, or another kind.
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        if kind not in AROUND or not any(s.any() for s in sites):
            raise FoundationError(f"a model of {kind!r} from no site. Give {' or '.join(AROUND)}, and transcripts.")
        shift = 0 if kind == "donor" else -1
        coded = [codes_of(text) for text in letters]
        pairs = _common(coded, sites, shift)
        rng = np.random.default_rng(seed)
        features, is_site = [], []
        for codes, marked in zip(coded, sites, strict=True):
            place = _candidates(codes, pairs, shift)
            place = place[marked[place] | (rng.random(len(place)) < _rate(place, marked))]
            features.append(_features(codes, place))
            is_site.append(marked[place])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
        return cls(pairs, shift, model.fit(np.concatenate(features), np.concatenate(is_site)))

    def score(self, letters: str) -> Float64[np.ndarray, "n"]:
        """Of each place of a transcript as a site, in natural log odds."""
        codes = codes_of(letters)
        scores = np.full(len(codes), FAR)
        place = _candidates(codes, self.pairs, self.shift)
        if len(place):
            scores[place] = self.model.decision_function(_features(codes, place))
        return scores


def _common(coded: Sequence[np.ndarray], sites: Sequence[np.ndarray], shift: int) -> frozenset[int]:
    found = np.concatenate([_pairs(codes, shift)[marked] for codes, marked in zip(coded, sites, strict=True)])
    counts = np.bincount(found[found >= 0], minlength=25)
    return frozenset(np.flatnonzero(counts >= max(COMMON * counts.sum(), 1)).tolist())


def _pairs(codes: Int64[np.ndarray, "n"], shift: int) -> Int64[np.ndarray, "n"]:
    """The pair of letters that belongs to each place, -1 at the ends."""
    pairs = np.full(len(codes), -1)
    both = 5 * codes[:-1] + codes[1:]
    if shift == 0:
        pairs[:-1] = both
    else:
        pairs[1:] = both
    return pairs


def _candidates(codes: Int64[np.ndarray, "n"], pairs: frozenset[int], shift: int) -> Int64[np.ndarray, "m"]:
    return np.flatnonzero(np.isin(_pairs(codes, shift), list(pairs)))


def _rate(place: Int64[np.ndarray, "m"], marked: Bool[np.ndarray, "n"]) -> float:
    """The chance of places that are no sites to be learned from."""
    return NEGATIVES * max(int(marked.sum()), 1) / max(len(place), 1)


def _features(codes: Int64[np.ndarray, "n"], place: Int64[np.ndarray, "m"]) -> Float32[np.ndarray, "m features"]:
    """Letters near each place one by one, and how often each word is before and after it."""
    padded = np.pad(codes, WIDE, constant_values=4)
    near = padded[place[:, None] + WIDE + np.arange(-NEAR, NEAR)]
    single = (near[..., None] == np.arange(4)).reshape(len(place), -1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WORD)
    number = np.where((windows < 4).all(1), windows @ 4 ** np.arange(WORD), 4**WORD)
    counts = np.zeros((len(number) + 1, 4**WORD + 1), np.float32)
    counts[np.arange(1, len(number) + 1), number] = 1
    counts = np.cumsum(counts, 0)[:, :-1]
    at = place + WIDE
    after = counts[np.minimum(at + WIDE - WORD, len(number))] - counts[np.minimum(at, len(number))]
    return np.concatenate([single, counts[at - WORD + 1] - counts[at - WIDE], after], 1).astype(np.float32)
