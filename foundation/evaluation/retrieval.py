"""retrieval: are the neighbours of an object like it? By a label, or by being it in another modality."""

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import Ridge

from foundation.errors import FoundationError
from foundation.evaluation.metrics import metric
from foundation.evaluation.outcome import Outcome, Source
from foundation.evaluation.probes import RIDGE_ALPHAS, standardised
from foundation.evaluation.split import Parts
from foundation.evaluation.tasks import Task

MOST_QUERIES = 500  # per task; each is ranked against the whole gallery
SHOWN, NEIGHBOURS = 4, 8  # queries and their neighbours kept for pictures


def retrieve_alike(task: Task, source: Source, features: np.ndarray, label: np.ndarray, parts: Parts) -> Outcome:
    """Rank the other test objects by cosine similarity of standardised features; relevant are those with a like label.

    Args:
        features: float32 [n, width].
        label: [n] numbers (relevance exp(-|difference| / scale), or itself if the task is about `rare` ones) or names
            (relevance 1 if equal).

    Raises:
        FoundationError: nothing is as rare as the task wants.
    """
    prepared = standardised().fit(features[parts.train])
    places = rare_places(task, label[parts.test])[:MOST_QUERIES]
    queries = parts.test[places]
    similarity = cosine(prepared.transform(features[queries]), prepared.transform(features[parts.test]))
    if isinstance(task.rare, float | int):
        relevant = np.tile(label[parts.test], (len(queries), 1))
    else:
        relevant = relevance(label[queries], label[parts.test], task.scale)
    values = _values(task.scored, similarity, relevant, places)
    found = parts.test[_nearest(similarity, places)]
    return Outcome(source, "cosine", 0.0, queries, label[queries], np.empty(0), len(parts.train), values, found)


def retrieve_same(task: Task, source: Source, given: np.ndarray, gallery: np.ndarray, parts: Parts) -> Outcome:
    """Map the features of one modality to those of another by ridge regression and look for the same object there.

    Args:
        given: float32 [n, width] of the queries' modality.
        gallery: float32 [n, other width] of the same objects in the other modality.
    """
    given, gallery = given.astype(np.float64), gallery.astype(np.float64)  # float32 is too little for Ridge's Cholesky
    query, entry = (standardised().fit(f[parts.train]).transform(f) for f in (given, gallery))
    heads = [Ridge(alpha=a).fit(query[parts.train], entry[parts.train]) for a in RIDGE_ALPHAS]
    checked = [_mean_rank(cosine(h.predict(query[parts.validation]), entry[parts.validation])) for h in heads]
    queries = parts.test[:MOST_QUERIES]
    similarity = cosine(heads[int(np.argmin(checked))].predict(query[queries]), entry[parts.test])
    values = _values(task.scored, similarity, np.eye(*similarity.shape))
    found = parts.test[_nearest(similarity)]
    return Outcome(
        source, "ridge map", -min(checked), queries, np.empty(0), np.empty(0), len(parts.train), values, found
    )


def nearest_same(task: Task, source: Source, given: np.ndarray, gallery: np.ndarray, parts: Parts) -> Outcome:
    """As `retrieve_same`, but in one space of features, without a map: of equal width, each less its own mean."""
    query, entry = (standardised().fit(f[parts.train]).transform(f[parts.test]) for f in (given, gallery))
    similarity = cosine(query[:MOST_QUERIES], entry)
    values = _values(task.scored, similarity, np.eye(*similarity.shape))
    found, queries = parts.test[_nearest(similarity)], parts.test[:MOST_QUERIES]
    return Outcome(source, "cosine", -_mean_rank(similarity), queries, np.empty(0), np.empty(0), 0, values, found)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine similarities [n, m] of the rows of a [n, width] and b [m, width]."""
    return _unit(a) @ _unit(b).T


def relevance(query: np.ndarray, entry: np.ndarray, scale: float) -> np.ndarray:
    """[n, m]: exp(-|difference| / scale) of numbers, 1 for equal names."""
    if query.dtype.kind == "f":
        return np.exp(-np.abs(query[:, None] - entry[None, :]) / scale)
    return (query[:, None] == entry[None, :]).astype(float)


def rare_places(task: Task, label: np.ndarray) -> np.ndarray:
    """Which entries are queries: all, or what the task calls rare.

    Raises:
        FoundationError: none is.
    """
    if task.rare is None:
        return np.arange(len(label))
    places = np.flatnonzero(label > task.rare if label.dtype.kind == "f" else label == str(task.rare))
    if len(places) < 2:
        raise FoundationError(
            f"task {task.name!r}: {len(places)} test objects have {task.target!r} {task.rare}, and two are wanted. "
            "Give more records, or change `rare`."
        )
    return places


def _nearest(similarity: np.ndarray, own: np.ndarray | None = None) -> np.ndarray:
    """Places [queries, 8] of the most similar entries of the first queries, best first; `own` are the queries'."""
    first = similarity[:SHOWN].copy()
    if own is not None:
        first[np.arange(len(first)), own[:SHOWN]] = -np.inf
    return np.argsort(-first, axis=1)[:, :NEIGHBOURS]


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _mean_rank(similarity: np.ndarray) -> float:
    """Mean number of entries more similar than the right one, on the diagonal."""
    return float(np.mean((similarity > similarity.diagonal()[:, None]).sum(1)))


def _values(
    names: Sequence[str], similarity: np.ndarray, relevant: np.ndarray, own: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """metric -> one value a query; the entry at `own` of each is the query itself, and not in its gallery."""
    queries, entries = similarity.shape
    gallery = [np.arange(entries) if own is None else np.delete(np.arange(entries), own[i]) for i in range(queries)]
    return {
        name: np.array([metric(name).function(relevant[i, g], similarity[i, g]) for i, g in enumerate(gallery)])
        for name in names
    }
