"""split: objects into training, validation and test parts, by a hash of the object and never by its place in a file."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foundation.errors import FoundationError
from foundation.evaluation.tasks import Split

SAME_OBJECT_ARCSEC = 1.0
PURPOSE = {"train": "learn from", "validation": "validate on", "test": "test on"}


@dataclass(frozen=True, eq=False)
class Parts:
    """Indices of the objects of each part, ascending."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def __post_init__(self) -> None:
        for name in PURPOSE:
            if len(getattr(self, name)) < 2:
                raise FoundationError(
                    f"a task has no two objects to {PURPOSE[name]}. Give more records, or another split."
                )


def divide(objects: Sequence[str], split: Split, probe_seed: int) -> Parts:
    """Parts of a task: the test part depends on `split.seed` only, training and validation also on `probe_seed`.

    Args:
        objects: name of the object of each row; rows of one object fall into the same part.
    """
    test = uniform(objects, f"test {split.seed}") < split.test
    validation = uniform(objects, f"validation {split.seed} {probe_seed}") < split.validation / (1 - split.test)
    return Parts(np.flatnonzero(~test & ~validation), np.flatnonzero(~test & validation), np.flatnonzero(test))


def uniform(names: Sequence[str], salt: str) -> np.ndarray:
    """A number in [0, 1) for each name that depends on nothing but the name and the salt."""
    digests = (hashlib.blake2b(f"{salt} {name}".encode(), digest_size=8).digest() for name in names)
    return np.array([int.from_bytes(d, "big") / 2**64 for d in digests])


def split_hash(keys: Sequence[str], parts: Parts) -> str:
    """Twelve hex digits that are equal if and only if the same keys are in the same parts."""
    lists = [sorted(str(keys[i]) for i in part) for part in (parts.train, parts.validation, parts.test)]
    return hashlib.sha256(json.dumps(lists).encode()).hexdigest()[:12]


def objects_on_sky(keys: Sequence[str], ra: np.ndarray, dec: np.ndarray) -> list[str]:
    """Name of the object of each row: rows within 1 arcsec of each other are one object.

    Args:
        ra, dec: degrees [n]; NaN where unknown, and then the key is the object.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    if len(known) == 0:
        return list(keys)
    a, d = np.radians(ra[known]), np.radians(dec[known])
    unit = np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], 1)
    pairs = known[KDTree(unit).query_pairs(np.radians(SAME_OBJECT_ARCSEC / 3600), output_type="ndarray")]
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(keys), len(keys)))
    _, component = connected_components(graph, directed=False)
    first: dict[int, str] = {}
    for i in sorted(range(len(keys)), key=lambda i: keys[i]):
        first.setdefault(int(component[i]), keys[i])
    return [first[c] for c in component.tolist()]
