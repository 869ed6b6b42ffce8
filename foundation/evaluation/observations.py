"""observations: a record set as the evaluation sees it: labels, raw vectors and where the records are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from foundation.data.healpix import cells
from foundation.data.records import Sample, Scalar, informs
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError
from foundation.evaluation.raw import raw_columns, raw_vectors
from foundation.evaluation.split import objects_on_sky
from foundation.evaluation.tasks import RECORDS, Split, Task
from foundation.progress import track


@dataclass(frozen=True, eq=False)
class Observations:
    """n objects of one record set.

    Args:
        name: what tasks and the report call it.
        path: its directory.
        fingerprint: hash of the data.
        keys: of the samples, in order.
        objects: name of the object of each sample; exposures of one object share it.
        sky: float64 [n, 2], right ascension and declination in degrees; NaN where unknown.
        labels: label -> float64 [n] with NaN, or str [n] with "", where unknown.
        modalities: names of each sample's records that have a usable pixel.
        scalars: the modalities that are numbers.
        raw: column -> float32 [n, width], see `evaluation.raw`.
    """

    name: str
    path: Path
    fingerprint: str
    keys: tuple[str, ...]
    objects: tuple[str, ...]
    sky: np.ndarray
    labels: dict[str, np.ndarray]
    modalities: tuple[frozenset[str], ...]
    scalars: frozenset[str]
    raw: dict[str, np.ndarray]

    @classmethod
    def read(cls, path: Path, name: str, limit: int | None = None) -> "Observations":
        """Go once through the records of a directory; memory holds labels and raw vectors only.

        Args:
            limit: use the first so many objects.
        """
        shards = RecordShards(path)
        keys, labels, modalities, raw, origins = [], [], [], [], []
        scalars: set[str] = set()
        n = min(len(shards), limit or len(shards))
        for sample in track(islice(shards, n), f"reading {name}", n):
            keys.append(sample.key)
            labels.append(dict(sample.labels))
            modalities.append(frozenset(m for m, r in sample.items() if informs(r)))
            scalars |= {m for m, r in sample.items() if isinstance(r, Scalar)}
            raw.append(raw_vectors(sample))
            origins.append(sample.origin)
        sky = sky_of(origins)
        return cls(
            name, Path(path), shards.manifest.fingerprint, tuple(keys), tuple(objects_on_sky(keys, *sky.T)), sky,
            columns(labels), tuple(modalities), frozenset(scalars), raw_columns(raw),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.keys)

    def samples(self) -> Iterator[Sample]:
        """The samples, read again from disk, in order."""
        return islice(RecordShards(self.path), len(self))

    def at(self, index: Sequence[int] | np.ndarray) -> list[Sample]:
        """The samples at these places, in this order, read from disk; each shard member is read once."""
        shards = RecordShards(self.path)
        ends = np.cumsum([member.samples for _, member in shards.manifest.members])
        member = np.searchsorted(ends, index, side="right")
        found: dict[int, Sample] = {}
        for number in np.unique(member):
            inside, begin = shards.member(int(number)), ends[number - 1] if number else 0
            found |= {int(i): inside[i - begin] for i in np.asarray(index)[member == number]}
        return [found[int(i)] for i in index]

    def having(self, modalities: Sequence[str]) -> np.ndarray:
        """Indices of the objects with all the images and spectra named, and with one of the scalars if any is named."""
        needed = frozenset(modalities) - self.scalars
        optional = frozenset(modalities) & self.scalars
        chosen = [needed <= m and (not optional or bool(optional & m)) for m in self.modalities]
        return np.flatnonzero(chosen)

    def taking_part(self, task: Task) -> np.ndarray:
        """Indices of the objects a task is about.

        Raises:
            FoundationError: no object qualifies; the message says what the record set has.
        """
        index = self.having(task.inputs)
        asks_record = task.kind in RECORDS
        for group in (task.gallery, (task.target,) if asks_record else ()):
            index = index[np.isin(index, self.having(group))] if group else index
        if task.target and not asks_record:
            index = index[self.known(task.target)[index]]
        if task.transform == "log10":
            index = index[self._label(task.target)[index] > 0]
        for label, allowed in task.where.items():
            index = index[np.isin(self._label(label)[index].astype(str), allowed)]
        if len(index) == 0:
            has = ", ".join(sorted(frozenset().union(*self.modalities)))
            raise FoundationError(
                f"{self.path}: no object for task {task.name!r}, which wants {', '.join(task.modalities)} "
                f"and {task.target!r}; the records are {has}, the labels {', '.join(self.labels)}. "
                "Change the task, or the record set."
            )
        return index

    def together(self, split: Split, index: np.ndarray) -> tuple[str, ...]:
        """Name of what each of these objects shares its part of the split with: itself, or its cell of the sky.

        Raises:
            FoundationError: a cell is wanted of an object without position.
        """
        if not split.nside:
            return tuple(self.objects[i] for i in index)
        if not np.isfinite(self.sky[index]).all():
            raise FoundationError(
                f"{self.path}: a split by cells of the sky, and some objects have no position. Leave `nside` out."
            )
        ra, dec = self.sky[index].T
        return tuple(f"cell {cell}" for cell in cells(ra, dec, split.nside))

    def known(self, label: str) -> np.ndarray:
        """bool [n]: objects with this label."""
        column = self._label(label)
        return np.isfinite(column) if column.dtype.kind == "f" else column != ""

    def _label(self, name: str) -> np.ndarray:
        missing = np.full(len(self), np.nan)
        return self.labels.get(name, missing)


def sky_of(origins: Sequence[Mapping[str, object]]) -> np.ndarray:
    """Right ascension and declination in degrees, float64 [n, 2]; NaN where unknown."""
    places = [[o.get(c) for c in ("ra", "dec")] for o in origins]
    known = [[float(x) if isinstance(x, int | float) else float("nan") for x in place] for place in places]
    return np.array(known, dtype=np.float64).reshape(-1, 2)


def columns(labels: Sequence[Mapping[str, object]]) -> dict[str, np.ndarray]:
    """Labels of n objects as columns, numbers as float64 with NaN and everything else as str with ""."""
    columns = {}
    for name in sorted({key for row in labels for key in row}):
        values = [row.get(name) for row in labels]
        if all(v is None or isinstance(v, int | float) for v in values):
            columns[name] = np.array(values, dtype=float)  # None becomes NaN
        else:
            columns[name] = np.array(["" if v is None else str(v) for v in values])
    return columns
