"""The `ingest` verb: survey files become record shards, one sample at a time."""

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from foundation.data.formats.catalog import read_file
from foundation.data.formats.companions import PACKING, leader
from foundation.data.formats.source import FormatError, Reading, Samples
from foundation.data.records import Sample
from foundation.data.shards import write_records
from foundation.errors import FoundationError
from foundation.files import write_table
from foundation.interop.aion_records import as_keys
from foundation.progress import track

SEQUENCES = (".fasta", ".fa", ".fna", ".ffn", ".faa", ".fastq", ".fq", ".gb", ".gbk")
STRUCTURES = (".cif", ".mmcif", ".pdb", ".ent")
TEXT = tuple(ending + gz for ending in (*SEQUENCES, *STRUCTURES) for gz in ("", ".gz"))
ENDINGS = (*PACKING, ".ecsv", ".npz", ".hdf5", ".h5", ".parquet", *TEXT)  # what is taken from a directory
FAILURES = "failures.csv"


@dataclass
class Outcome:
    """What became of the files so far; grows only with what is worth telling."""

    files: int = 0
    samples: int = 0
    flagged: int = 0
    renamed: int = 0
    remarks: list[str] = field(default_factory=list)
    failures: list[tuple[Path, str]] = field(default_factory=list)


def ingest(
    files: list[Path],
    *,
    out: Path,
    strict: bool = False,
    segments: bool = False,
    names: Literal["ours", "aion"] = "ours",
) -> None:
    """Read files of surveys, simulations, sequences and structures into record shards.

    Bad files are passed over: the others are written, the reasons printed, and the exit status is 1. Spectra and
    images without any usable pixel are kept, with label `usable` false, and counted as flagged. Files that belong
    together, such as the bands of an image or a DESI coadd and its redshifts, are read together and once.

    Example:
        foundation ingest spec-*.fits coadd-*.fits.gz images/ --out data/records

    Args:
        files: files, directories (searched for .fits, .fits.gz, .fits.fz, .ecsv, .npz, .hdf5, .h5, .parquet and the
            usual endings of FASTA, FASTQ, GenBank, PDB and mmCIF) or patterns.
        out: directory of the shards; a data set there is replaced when the new one is complete.
        strict: stop at the first bad file and write nothing.
        segments: keep the arms of a spectrograph apart, instead of joining them where their pixels coincide.
        names: of the modalities: as readers call them, or those of AION-1's token keys, which its tokenizers want.

    Raises:
        FoundationError: a file could not be read, nothing was read, or `out` holds something else.
    """
    _check_free(out)
    paths = gather(files)
    outcome = Outcome()
    reading = samples_of(paths, outcome, strict, segments)
    first = next(reading, None)
    if first is None:
        raise FoundationError(_nothing(outcome))
    samples = chain([first], reading)
    write_records(map(as_keys, samples) if names == "aion" else samples, out)
    for line in _summary(outcome, out):
        print(line)
    if outcome.failures:
        write_failures(outcome, out / FAILURES)
        raise FoundationError(
            f"{len(outcome.failures)} of {outcome.files} files could not be read; the others are in {out}. "
            f"The reasons are above and in {out / FAILURES}."
        )


def gather(files: Iterable[Path]) -> list[Path]:
    """The files to read: directories and patterns expanded, each group of files that belong together once.

    Raises:
        FoundationError: a directory or pattern without any file in it.
    """
    unique: dict[Path, Path] = {}
    for path in map(leader, chain.from_iterable(map(_expanded, files))):
        unique.setdefault(path.resolve(), path)
    return list(unique.values())


def samples_of(
    paths: Sequence[Path], outcome: Outcome, strict: bool = False, segments: bool = False
) -> Iterator[Sample]:
    """The samples of all files, with keys made unique; `outcome` is kept up to date.

    Raises:
        FormatError: a file cannot be read, and `strict`.
    """
    seen: set[str] = set()
    for path in track(paths, "reading files", len(paths)):
        outcome.files += 1
        before = outcome.samples, outcome.flagged
        try:
            remark = yield from _told(read_file(path, segments), outcome, seen)
        except FormatError as error:
            if strict:
                raise
            kept = outcome.samples - before[0]
            outcome.failures.append((path, f"{error}" + (f" Its first {kept} samples were kept." if kept else "")))
            continue
        if flagged := outcome.flagged - before[1]:
            outcome.remarks.append(f"{path}: {flagged} of {outcome.samples - before[0]} samples have no usable pixel")
        if remark:
            outcome.remarks.append(f"{path}: {remark}")


def _told(samples: Samples, outcome: Outcome, seen: set[str]) -> Samples:
    """The samples of one file, counted, with unique keys; returns the reader's remark."""
    reading = Reading(samples)
    for sample in reading:
        outcome.samples += 1
        outcome.flagged += sample.labels.get("usable") is False
        key = unique_key(sample.key, seen)
        outcome.renamed += key != sample.key
        yield replace(sample, key=key)
    return reading.remark


def unique_key(key: str, seen: set[str]) -> str:
    """The key, or key~2, key~3 for the same object read again; `seen` learns it."""
    free, count = key, 1
    while free in seen:
        count += 1
        free = f"{key}~{count}"
    seen.add(free)
    return free


def _expanded(path: Path) -> list[Path]:
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.is_file() and p.name.endswith(ENDINGS))
        if not inside:
            raise FoundationError(f"{path}: has no file ending in {', '.join(ENDINGS)}. Give another directory.")
        return inside
    if path.exists() or not glob.has_magic(str(path)):
        return [path]
    matching = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    if not matching:
        raise FoundationError(f"{path}: no file matches. Check the pattern.")
    return list(chain.from_iterable(map(_expanded, matching)))


def _check_free(out: Path) -> None:
    """Refuse to replace anything but a data set."""
    if out.exists() and not (out.is_dir() and ((out / "manifest.json").is_file() or not any(out.iterdir()))):
        raise FoundationError(f"{out}: exists and is no data set, and would be replaced. Give another --out.")


def _nothing(outcome: Outcome) -> str:
    if len(outcome.failures) == 1:
        return outcome.failures[0][1]
    reasons = " ".join(reason for _, reason in outcome.failures[:5])
    return f"nothing was read from {outcome.files} files, so nothing was written. {reasons or 'They hold no samples.'}"


def _summary(outcome: Outcome, out: Path) -> Iterator[str]:
    yield from (f"note    {remark}" for remark in outcome.remarks)
    yield from (f"failed  {reason}" for _, reason in outcome.failures)
    if outcome.renamed:
        yield f"note    {outcome.renamed} samples have the key of an earlier one and were numbered, as in KEY~2"
    read = outcome.files - len(outcome.failures)
    yield f"{out}: {outcome.samples} samples of {read} files; {outcome.flagged} flagged; {len(outcome.failures)} failed"


def write_failures(outcome: Outcome, path: Path) -> None:
    """Write a table of the files that could not be read, and why."""
    write_table(path, ("file", "reason"), outcome.failures)
