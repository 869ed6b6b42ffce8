"""The `embed` verb: frozen embeddings of survey files or record shards, as a table."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from foundation.data.ingest import Outcome, gather, samples_of
from foundation.data.manifest import NAME
from foundation.data.records import Sample
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError
from foundation.files import whole_file
from foundation.interop.aion_records import naming
from foundation.model.pretrained import FoundationModel
from foundation.progress import track

BATCH = 64  # samples tokenised and encoded at a time
Columns = dict[str, list[str] | np.ndarray]  # key, path, labels: str [n]; embedding: float32 [n, D]


def embed(
    model: Path,
    files: list[Path],
    *,
    out: Path,
    modalities: tuple[str, ...] = (),
    layer: int | None = None,
    device: str = "cpu",
) -> None:
    """Write an embedding of each object in survey files or record shards.

    The table has the columns key, path, labels (as JSON) and embedding (the mean of the object's token states). Bad
    files are passed over, their reasons printed, and the exit status is 1; objects with nothing the model knows are
    left out and counted. Memory holds one batch, but all embeddings if the table is an npz.

    Example:
        foundation embed runs/sky/export spec-*.fits --out embeddings.parquet

    Args:
        model: directory of an exported model, or a hub name.
        files: survey files, directories of them, patterns, or directories of record shards.
        out: the table, .parquet or .npz.
        modalities: use these only; all that the model knows if not given.
        layer: of the encoder; after the final norm if not given.
        device: where the encoder runs.

    Raises:
        FoundationError: a file could not be read, nothing was embedded, or the table is of another type.
    """
    writer = table_writer(out)
    encoder = FoundationModel.of_tokens(model, device=device)
    known = frozenset(modalities or (s.name for s in encoder.spaces))
    outcome, count, left_out = Outcome(), 0, 0
    with whole_file(out) as temporary, writer(temporary) as write:
        for samples in batches(map(naming(encoder.spaces), samples_in(files, outcome))):
            useful = [s for s in samples if any(m in known and _informative(r) for m, r in s.items())]
            left_out += len(samples) - len(useful)
            if useful:
                count += len(useful)
                write(_columns(encoder, useful, modalities, layer))
        if not count:
            reasons = " ".join(reason for _, reason in outcome.failures[:3])
            raise FoundationError(
                f"{out}: nothing to embed in {len(files)} files; the model knows {', '.join(sorted(known))}. {reasons}"
            )
    conclude(outcome, out, f"{count} objects embedded", left_out)


def conclude(outcome: Outcome, out: Path, done: str, left_out: int) -> None:
    """Say what was done and what became of the files.

    Raises:
        FoundationError: some could not be read.
    """
    for remark in outcome.remarks:
        print(f"note    {remark}")
    for _, reason in outcome.failures:
        print(f"failed  {reason}")
    print(f"{out}: {done}, {left_out} left out, {len(outcome.failures)} files failed")
    if outcome.failures:
        raise FoundationError(
            f"{len(outcome.failures)} of {outcome.files} files could not be read; the rest is in {out}."
        )


def samples_in(files: Sequence[Path], outcome: Outcome) -> Iterator[Sample]:
    """Samples of record shards and of survey files; failures go to the outcome."""
    shards = [p for p in files if (p / NAME).is_file()]
    for path in shards:
        opened = RecordShards(path)
        yield from track(opened, f"reading {path}", len(opened))
    others = [p for p in files if p not in shards]
    if others:
        yield from samples_of(gather(others), outcome)


def batches(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    """Lists of at most BATCH samples."""
    samples = iter(samples)
    while batch := list(islice(samples, BATCH)):
        yield batch


def _informative(record: object) -> bool:
    """Whether a record has a usable pixel; a number always is one."""
    usable = getattr(record, "usable", None)
    return usable is None or bool(usable.any())


def _columns(
    encoder: FoundationModel, samples: Sequence[Sample], modalities: Sequence[str], layer: int | None
) -> Columns:
    features = encoder.encode(samples, layer=layer, modalities=list(modalities) or None)
    return {
        "key": [s.key for s in samples],
        "path": [str(s.origin.get("path", "")) for s in samples],
        "labels": [json.dumps(dict(s.labels)) for s in samples],
        "embedding": features.values.float().numpy(),
    }


def table_writer(out: Path) -> Callable[[Path], AbstractContextManager[Callable[[Columns], None]]]:
    """What opens a table of this name and gives a function that writes columns to it.

    Raises:
        FoundationError: the name ends in nothing known.
    """
    writers = {".parquet": _parquet, ".npz": _npz}
    if out.suffix not in writers:
        raise FoundationError(f"{out}: a table ends in {' or '.join(writers)}. Give such an --out.")
    return writers[out.suffix]


@contextmanager
def _parquet(path: Path) -> Iterator[Callable[[Columns], None]]:
    """A row group a batch."""
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.schema(
        [(name, pyarrow.string()) for name in ("key", "path", "labels")]
        + [("embedding", pyarrow.list_(pyarrow.float32()))]
    )
    with parquet.ParquetWriter(path, table) as writer:
        yield lambda columns: writer.write_table(
            pyarrow.table({**columns, "embedding": list(columns["embedding"])}, schema=table)
        )


@contextmanager
def _npz(path: Path) -> Iterator[Callable[[Columns], None]]:
    """All batches, written at the end."""
    kept: list[Columns] = []
    yield kept.append
    key, place, labels, embedding = (
        np.concatenate([np.asarray(c[name]) for c in kept]) if kept else np.empty(0)
        for name in ("key", "path", "labels", "embedding")
    )
    with path.open("wb") as file:
        np.savez(file, key=key, path=place, labels=labels, embedding=embedding)
