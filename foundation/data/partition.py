"""The `partition` verb: a record set into training, validation and test sets, by cells of the sky."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from foundation.data.healpix import cells
from foundation.data.records import Sample
from foundation.data.shards import RecordShards, write_records
from foundation.errors import FoundationError
from foundation.evaluation.split import uniform
from foundation.progress import track

PARTS = ("train", "validation", "test")


def partition(
    records: Path, *, out: Path, nside: int = 16, validation: float = 0.1, test: float = 0.1, seed: int = 0
) -> None:
    """Divide a record set so that objects of one cell of the sky stay together.

    Neighbours share weather, depth and sometimes pixels, so a random division lets a model know its test set. A cell
    goes to the same part in every record set, whatever else is in it.

    Example:
        foundation partition data/legacy --out data/split --nside 16

    Args:
        records: record shards with positions.
        out: directory in which `train`, `validation` and `test` are made.
        nside: of the HEALPix cells, a power of two; 16 has cells of 3.7 degrees.
        validation: fraction of the cells.
        test: the same.
        seed: another one is another division.

    Raises:
        FoundationError: fractions that leave nothing, an object without position, or a part that would be empty.
    """
    if validation < 0 or test < 0 or validation + test >= 1:
        raise FoundationError(f"validation {validation} and test {test}. Give fractions that leave some to train on.")
    shards = RecordShards(records)
    part = _parts(shards, nside, validation, test, seed)
    for number, name in enumerate(PARTS):
        count = int((part == number).sum())
        if count:
            write_records(_those(shards, part == number), out / name, count)
        print(f"{out / name}: {count} objects" + ("" if count else ", so it was not made"))


def _parts(shards: RecordShards, nside: int, validation: float, test: float, seed: int) -> np.ndarray:
    """0, 1 or 2 for each object."""
    places = [(s.key, s.origin.get("ra"), s.origin.get("dec")) for s in track(shards, "positions", len(shards))]
    if lacking := [key for key, ra, dec in places if ra is None or dec is None]:
        raise FoundationError(f"{len(lacking)} objects, such as {lacking[0]}, have no position. Leave them out.")
    ra, dec = np.array([place[1:] for place in places], dtype=np.float64).T
    draw = uniform([str(cell) for cell in cells(ra, dec, nside)], f"cells {nside} {seed}")
    return np.where(draw < test, 2, np.where(draw < test + validation, 1, 0))


def _those(shards: RecordShards, chosen: np.ndarray) -> Iterator[Sample]:
    return (sample for sample, wanted in zip(shards, chosen, strict=True) if wanted)
