"""The `crossmatch` verb: objects that several record sets saw at one place on the sky become one sample each."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from foundation.data.records import Record, Sample
from foundation.data.shards import RecordShards, write_records
from foundation.errors import FoundationError
from foundation.progress import track

MEMBERS = 8  # of a record set that stay in memory
NOBODY = -1


def crossmatch(
    sets: list[Path], *, out: Path, radius: float = 1.0, keep: Literal["pairs", "first", "all"] = "pairs"
) -> None:
    """Join objects of record sets that are each other's nearest neighbours on the sky.

    Modalities that two of them share stay those of the set named first. Labels and keys do too; what the others call an
    object stands under the label `key_2`, `key_3`.

    Example:
        foundation crossmatch data/legacy data/desi --out data/legacy_desi

    Args:
        sets: directories of record shards with positions; matches are made with the first.
        out: directory of the joined record shards.
        radius: arcsec within which two positions are one object's.
        keep: objects that all sets have ("pairs"), those of the first set, or all.

    Raises:
        FoundationError: fewer than two sets, a position that is unknown, no match, or shards that cannot be read.
    """
    if len(sets) < 2 or not radius > 0:
        raise FoundationError(
            f"{len(sets)} record sets within {radius} arcsec. Give two or more, and a radius above 0."
        )
    opened = [_Placed(path) for path in sets]
    partner = [np.arange(len(opened[0])), *(reciprocal(opened[0].sky, o.sky, radius) for o in opened[1:])]
    rows = _rows(np.stack(partner), [len(o) for o in opened], keep)
    if not rows.shape[1]:
        raise FoundationError(f"no object of {sets[0]} has a neighbour in the others within {radius} arcsec.")
    write_records((_joined(opened, row) for row in track(rows.T, "joining", rows.shape[1])), out)
    matches = [int((p >= 0).sum()) for p in partner[1:]]
    print(f"{out}: {rows.shape[1]} objects; matches with the others: {', '.join(map(str, matches))}")


def reciprocal(first: Float[np.ndarray, "n 2"], other: Float[np.ndarray, "m 2"], radius: float) -> Int[np.ndarray, "n"]:
    """Index of each position's nearest neighbour, if it is that one's nearest too; -1 for none.

    Args:
        first: right ascension and declination, degrees.
        other: the same.
        radius: arcsec.
    """
    from astropy.coordinates import SkyCoord

    here, there = (SkyCoord(*places.T, unit="deg") for places in (first, other))
    nearest, apart, _ = here.match_to_catalog_sky(there)
    back, _, _ = there.match_to_catalog_sky(here)
    mutual = (back[nearest] == np.arange(len(first))) & (np.asarray(apart.arcsec, np.float64) <= radius)
    return np.where(mutual, nearest, NOBODY)


class _Placed:
    """A record set, with the position of each object; a few members are kept in memory."""

    def __init__(self, path: Path) -> None:
        self.shards = RecordShards(path)
        samples = track(self.shards, f"reading {path}", len(self.shards))
        self.sky = np.array([[_degrees(s, axis) for axis in ("ra", "dec")] for s in samples])
        if not np.isfinite(self.sky).all():
            raise FoundationError(
                f"{path}: {int((~np.isfinite(self.sky)).any(1).sum())} objects have no position. Leave them out."
            )
        self.ends = np.cumsum([member.samples for _, member in self.shards.manifest.members])
        self.member = lru_cache(MEMBERS)(self.shards.member)

    def __len__(self) -> int:
        return len(self.sky)

    def __getitem__(self, index: int) -> Sample:
        number = int(np.searchsorted(self.ends, index, side="right"))
        return self.member(number)[index - (int(self.ends[number - 1]) if number else 0)]


def _degrees(sample: Sample, axis: str) -> float:
    value = sample.origin.get(axis)
    return float(value) if isinstance(value, int | float) else float("nan")


def _rows(partner: Int[np.ndarray, "sets n"], sizes: Sequence[int], keep: str) -> Int[np.ndarray, "sets rows"]:
    """Index into each set of every object to write, -1 where a set lacks it."""
    if keep == "pairs":
        return partner[:, (partner >= 0).all(0)]
    rows = [partner]
    for number, size in enumerate(sizes[1:] if keep == "all" else (), 1):
        alone = np.setdiff1d(np.arange(size), partner[number])
        extra = np.full((len(sizes), len(alone)), NOBODY)
        extra[number] = alone
        rows.append(extra)
    return np.concatenate(rows, 1)


def _joined(sets: Sequence[_Placed], row: Int[np.ndarray, "sets"]) -> Sample:
    """One sample of all that the sets have of an object."""
    seen = list(_present(sets, row))
    records: dict[str, Record] = {}
    labels: dict[str, float | int | str | bool] = {}
    for _, sample in reversed(seen):  # so that the first has the last word
        records |= sample.records
        labels |= dict(sample.labels)
    labels |= {f"key_{number + 1}": sample.key for number, sample in seen[1:]}
    return replace(seen[0][1], records=records, labels=labels)


def _present(sets: Sequence[_Placed], row: Int[np.ndarray, "sets"]) -> Iterator[tuple[int, Sample]]:
    for number, (where, index) in enumerate(zip(sets, row.tolist(), strict=True)):
        if index != NOBODY:
            yield number, where[index]
