"""Clusters of proteins that resemble each other, so that none of a kind is both learned from and tested on."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.errors import FoundationError

WORD = 4  # letters
# Jaccard index of words: random proteins of 300 residues have 0.001, of 3,000 residues 0.02; with substitutions that
# leave 53, 58 and 63 % of 300 residues equal, 0.04, 0.06 and 0.09 (simulated with the composition of real proteins).
SIMILAR = 0.05
ROWS = 512  # compared with all at a time, which bounds memory


def protein_clusters(
    sequences: Sequence[str], similar: float = SIMILAR, word: int = WORD
) -> Int64[np.ndarray, "sequences"]:
    """Number of the cluster of each sequence, from 0 in the order of first appearance.

    Two sequences are linked if the Jaccard index of their sets of words is at least `similar`; clusters are what is
    linked, directly or through others. So sequences of different clusters are never linked, whatever their order.
    Sequences without a word of standard residues are linked with equal ones alone.

    Raises:
        FoundationError: a threshold that is not above 0 and at most 1.
    """
    from scipy.sparse import coo_array, vstack
    from scipy.sparse.csgraph import connected_components

    if not 0 < similar <= 1:
        raise FoundationError(f"Proteins are called similar at {similar}. Give more than 0 and at most 1.")
    distinct = list(dict.fromkeys(sequences))
    holds = _words(distinct, word)
    sizes = holds.sum(1)
    links = []
    for first in range(0, len(distinct), ROWS):
        shared = (holds[first : first + ROWS] @ holds.T).tocoo()
        either = sizes[first + shared.coords[0]] + sizes[shared.coords[1]] - shared.data
        near = shared.data >= similar * either
        rows, columns = shared.coords[0][near], shared.coords[1][near]
        links.append(coo_array((np.ones(len(rows)), (rows, columns)), shape=shared.shape))
    _, component = connected_components(vstack(links), directed=False)
    of = dict(zip(distinct, component.tolist(), strict=True))
    return _renumbered([of[sequence] for sequence in sequences])


def read_clusters(path: Path, names: Sequence[str]) -> Int64[np.ndarray, "names"]:
    """Number of the cluster of each name, from a table with the columns id and cluster.

    Raises:
        FoundationError: no such table, or a name that it lacks.
    """
    try:
        with path.open(newline="") as file:
            table = {row["id"]: row["cluster"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise FoundationError(
            f"{path}: no table with the columns id and cluster ({error}). Write one as CSV."
        ) from error
    if absent := [name for name in names if name not in table]:
        raise FoundationError(f"{path}: has no cluster of {absent[0]}, nor of {len(absent) - 1} others. Add them.")
    return _renumbered([table[name] for name in names])


def held_out(clusters: Int64[np.ndarray, "n"], fraction: float, seed: int) -> Bool[np.ndarray, "n"]:
    """Whether each is of a cluster that is held out: this fraction of the clusters, at least one, never all.

    Raises:
        FoundationError: a single cluster, which leaves nothing to train on, or a fraction that is none.
    """
    count = len(np.unique(clusters))
    if not 0 < fraction < 1 or count < 2:
        raise FoundationError(
            f"{fraction} of {count} protein clusters to hold out. Give a fraction between 0 and 1 and more proteins, "
            "or no validation."
        )
    out = np.random.default_rng(seed).permutation(count)[: min(max(round(fraction * count), 1), count - 1)]
    return np.isin(clusters, out)


def _words(sequences: Sequence[str], word: int):  # noqa: ANN202 - scipy's sparse arrays
    """Which sequence holds which word, [sequences, words] of 0 and 1."""
    from scipy.sparse import csr_array

    codes = np.full(128, -1, np.int64)
    codes[list(AMINO_ACIDS.encode())] = np.arange(len(AMINO_ACIDS))
    powers = len(AMINO_ACIDS) ** np.arange(word)
    rows, columns = [], []
    for number, sequence in enumerate(sequences):
        letters = codes[np.frombuffer(sequence.encode(), np.uint8)]
        windows = np.lib.stride_tricks.sliding_window_view(letters, word) if len(letters) >= word else letters[:0, None]
        found = np.unique(windows[(windows >= 0).all(1)] @ powers[: windows.shape[1]])
        rows.append(np.full(len(found), number))
        columns.append(found)
    place = np.concatenate(rows), np.concatenate(columns)
    return csr_array((np.ones(len(place[0])), place), shape=(len(sequences), len(AMINO_ACIDS) ** word))


def _renumbered(labels: Sequence[object]) -> Int64[np.ndarray, "n"]:
    order: Mapping[object, int] = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    return np.array([order[label] for label in labels], np.int64)
