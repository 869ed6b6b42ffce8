"""same: the spectrum of the same object in another survey, looked for among all of that survey."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from foundation.evaluation.problem import Features
from foundation.evaluation.retrieval import nearest_same, retrieve_same
from foundation.evaluation.spectra.features import SpectralFeatures
from foundation.evaluation.spectra.observed import FEWEST, Observed
from foundation.evaluation.split import Parts
from foundation.evaluation.suite import Answered
from foundation.evaluation.tasks import Task

NOT_SHOWN = np.empty((0, 8), dtype=int)
VALIDATION = 5  # every fifth learned object chooses the map's penalty


def same_objects(
    pairs: Sequence[tuple[str, str]],
    learned: Mapping[str, Observed],
    tested: Mapping[str, Observed],
    features: SpectralFeatures,
) -> Iterator[Answered]:
    """Every pair of modalities that both sets have of enough objects: by a linear map, and with none."""
    for query, entry in pairs:
        shared = [_shared(side[query], side[entry]) for side in (learned, tested) if query in side and entry in side]
        if len(shared) == 2 and min(len(places[0]) for places in shared) >= FEWEST:
            yield _answered(query, entry, shared, (learned, tested), features)


def _answered(
    query: str,
    entry: str,
    shared: Sequence[tuple[np.ndarray, np.ndarray]],
    sides: Sequence[Mapping[str, Observed]],
    features: SpectralFeatures,
) -> Answered:
    task = Task(f"same_{query}_to_{entry}", "retrieval", (query,), gallery=(entry,))
    both = np.arange(len(shared[0][0]))
    check = both % VALIDATION == 0
    parts = Parts(both[~check], both[check], len(both) + np.arange(len(shared[1][0])))
    outcomes = []
    queries, entries = (dict(features.each(*(s[name] for s in sides), bins=0)) for name in (query, entry))
    for source, halves in queries.items():
        given, gallery = (_joined(h, [s[side] for s in shared]) for side, h in enumerate((halves, entries[source])))
        outcomes.append(retrieve_same(task, source, given, gallery, parts))
        if given.shape[1] == gallery.shape[1] and source != "raw input":
            outcomes.append(nearest_same(task, source, given, gallery, parts))
    keys = tuple(k for side, s in zip(sides, shared, strict=True) for k in np.array(side[query].keys)[s[0]].tolist())
    return Answered(task, [replace(o, neighbours=NOT_SHOWN) for o in outcomes], sides[1][query].about, parts, keys)


def _shared(one: Observed, other: Observed) -> tuple[np.ndarray, np.ndarray]:
    """Places of the objects that both have."""
    place = {key: i for i, key in enumerate(other.keys)}
    found = [(i, place[key]) for i, key in enumerate(one.keys) if key in place]
    return np.array([i for i, _ in found], dtype=int), np.array([j for _, j in found], dtype=int)


def _joined(halves: Sequence[Features], places: Sequence[np.ndarray]) -> np.ndarray:
    """Vectors of the shared objects of both sets, one after the other; what was not measured is 0 after scaling."""
    return np.concatenate([np.nan_to_num(half.pooled[i]) for half, i in zip(halves, places, strict=True)])
