"""Inspect: say in a screenful what a shard directory, a model, a run, a checkpoint or a survey file holds."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text
from safetensors import SafetensorError, safe_open

from foundation.data.biology.sequence import Sequence
from foundation.data.biology.structure import Structure
from foundation.data.coefficients import Coefficients
from foundation.data.fields.layout import ORDERS
from foundation.data.fields.opening import is_hdf5
from foundation.data.fields.reader import WellReader
from foundation.data.fields.record import Field
from foundation.data.fields.statistics import NAME as STATISTICS
from foundation.data.fields.windows import well_files
from foundation.data.manifest import NAME, Manifest
from foundation.data.records import Image, Record, Sample, Scalar, Spectrum
from foundation.data.shards import RecordShards, TokenShards
from foundation.errors import FoundationError

SAMPLES_READ = 100  # of a survey file; enough to see what is in it


def inspect(path: Path, verify: bool = False) -> None:
    """Say what a file or directory holds: survey file, shards, tokenizers, exported model, run, checkpoint or dump.

    Example:
        foundation inspect runs/quickstart/tokens --verify

    Args:
        path: the file or directory.
        verify: of shards, read every byte and compare the checksums.
    """
    console = Console(markup=False, highlight=False)
    for part in describe(path):
        console.print(part, soft_wrap=isinstance(part, str))
    if verify:
        _verify(path)
        console.print("every checksum agrees")


def describe(path: Path) -> Iterator[RenderableType]:
    """Lines and tables that say what is at `path`.

    Raises:
        FoundationError: nothing there, nothing known, or damaged.
    """
    if not path.exists():
        raise FoundationError(f"{path}: there is no such file or directory. Check the name.")
    if path.is_dir():
        yield from _directory(path)
    elif path.suffix == ".ckpt":
        yield from _checkpoint(path)
    elif path.suffix == ".safetensors":
        yield _tensors(path)
    elif path.suffix == ".tar" and (path.parent / NAME).is_file():
        yield from _shards(path.parent)
    elif is_hdf5(path):
        yield from _well_file(path)
    else:
        yield from _survey_file(path)


def _directory(path: Path) -> Iterator[RenderableType]:
    if (path / NAME).is_file():
        yield from _shards(path)
    elif any(path.glob("rank=*.ckpt")):
        from foundation.training.reproduce import reproduce  # the step is done again

        yield from reproduce(path)
    elif (path / "checkpoints").is_dir():
        yield from _run(path)
    elif (path / "data" / "train").is_dir():
        yield from _well_directory(path)
    elif (path / "config.json").is_file() or any(path.glob("*/config.json")):
        yield from _pretrained(path)
    else:
        raise FoundationError(
            f"{path}: holds none of {NAME} (shards), config.json (model or tokenizer), data/train/ (simulations) and "
            "checkpoints/ (run). "
            "Give one of those directories, or a file."
        )


def _verify(path: Path) -> None:
    directory = path if path.is_dir() else path.parent
    if not (directory / NAME).is_file():
        raise FoundationError(f"{path}: only shards have checksums. Leave out --verify, or give a shard directory.")
    kind = {"records": RecordShards, "tokens": TokenShards}[Manifest.load(directory).kind]
    kind(directory).verify()


def _shards(path: Path) -> Iterator[RenderableType]:
    manifest = Manifest.load(path)
    size = sum(s.bytes for s in manifest.shards)
    made = f", tokenizer {manifest.tokenizer_hash}" if manifest.tokenizer_hash else ""
    yield (
        f"{path}: {manifest.samples} samples of {manifest.kind} in {len(manifest.shards)} shards "
        f"({len(manifest.members)} members, {size / 1e6:.1f} MB), schema {manifest.schema}{made}"
    )
    yield _space_table(manifest) if manifest.kind == "tokens" else _modality_table(manifest)
    if manifest.labels:
        yield _table("label type samples", ((n, i["type"], i["count"]) for n, i in manifest.labels.items()))


def _modality_table(manifest: Manifest) -> Table:
    rows = ((n, s["count"], f"{s['fraction']:.1%}") for n, s in manifest.statistics.items())
    return _table("modality samples present", rows)


def _space_table(manifest: Manifest) -> Table:
    rows = []
    for space in manifest.spaces:
        counts = manifest.statistics.get(space.name, {"count": 0, "fraction": 0.0, "tokens": 0})
        axes = ", ".join(f"{a.name} [{a.unit}]" for a in space.axes) or "-"
        each = counts["tokens"] / max(counts["count"], 1)
        rows.append((space.name, space.kind, space.size, axes, f"{counts['fraction']:.1%}", f"{each:.1f}"))
    return _table("space kind size axes present tokens/sample", rows)


def _run(path: Path) -> Iterator[RenderableType]:
    checkpoints = sorted((path / "checkpoints").glob("*.ckpt"))
    yield f"{path}: a run with {len(checkpoints)} checkpoints" + (
        f", exported to {path / 'export'}" if (path / "export").is_dir() else ", not exported"
    )
    if (path / "config.yaml").is_file():
        yield (path / "config.yaml").read_text().rstrip()
    for checkpoint in checkpoints:
        yield from _checkpoint(checkpoint)


def _pretrained(path: Path) -> Iterator[RenderableType]:
    if (path / "config.json").is_file():
        yield f"{path}: {_size_of_weights(path)}"
        yield _settings(path / "config.json")
    parts = [p.parent for p in sorted(path.glob("**/config.json")) if p.parent != path]
    if parts:
        yield _table("part holds", ((str(p.relative_to(path)), _size_of_weights(p)) for p in parts))


def _settings(path: Path) -> Table:
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise FoundationError(f"{path}: this is not JSON ({error}). Export the model again.") from error
    return _table("setting value", ((k, _brief(v)) for k, v in content.items()))


def _size_of_weights(path: Path) -> str:
    weights = path / "model.safetensors"
    if not weights.is_file():
        return "no weights"
    shapes = [shape for _, shape, _ in _tensor_list(weights)]
    return f"{sum(int(np.prod(s)) for s in shapes):,} parameters in {len(shapes)} tensors"


def _tensors(path: Path) -> Table:
    return _table("tensor shape dtype", ((n, "x".join(map(str, s)) or "scalar", d) for n, s, d in _tensor_list(path)))


def _tensor_list(path: Path) -> list[tuple[str, list[int], str]]:
    try:
        with safe_open(path, "numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            return [(name, s.get_shape(), s.get_dtype()) for name, s in slices.items()]
    except (SafetensorError, OSError) as error:
        raise FoundationError(f"{path}: cannot be read as safetensors ({error}). Copy or export it again.") from error


def _checkpoint(path: Path) -> Iterator[RenderableType]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises many kinds for a damaged archive
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FoundationError(f"{path}: cannot be read as a checkpoint ({first}). Use an earlier one.") from error
    weights = content.get("state_dict", {})
    count = sum(w.numel() for w in weights.values())
    yield (
        f"{path}: step {content.get('global_step', 'unknown')}, epoch {content.get('epoch', 'unknown')}, "
        f"{count:,} parameters in {len(weights)} tensors; also {', '.join(k for k in content if k != 'state_dict')}"
    )


def _well_file(path: Path) -> Iterator[RenderableType]:
    layout = WellReader(path).layout
    grid = " x ".join(map(str, layout.space))
    yield (
        f"{path}: {layout.trajectories} trajectories of {layout.dataset}, {layout.frames} frames of {grid} points "
        f"along {', '.join(layout.axes)} ({layout.system})"
    )
    sides = zip(layout.axes, layout.boundary, strict=True)
    yield _table("axis left right", ((axis, left, right) for axis, (left, right) in sides))
    kinds = ((f.name, ORDERS[f.order], "yes" if f.by_time else "no", ", ".join(f.names)) for f in layout.fields)
    yield _table("field kind varies channels", kinds)
    if layout.scalars:
        rows = ((n, f"{v.min():.5g}", f"{v.max():.5g}") for n, v in layout.scalars.items())
        yield _table("parameter least most", rows)


def _well_directory(path: Path) -> Iterator[RenderableType]:
    splits = {folder.name: well_files(folder) for folder in sorted((path / "data").iterdir()) if folder.is_dir()}
    rows = ((n, len(f), sum(WellReader(file).layout.trajectories for file in f)) for n, f in splits.items())
    measured = "with" if (path / STATISTICS).is_file() else "without"
    yield f"{path}: simulations in The Well's layout, {measured} {STATISTICS}"
    yield _table("split files trajectories", rows)
    yield from _well_file(splits["train"][0])


def _survey_file(path: Path) -> Iterator[RenderableType]:
    from foundation.data.formats.catalog import read_file  # astropy

    reading = read_file(path)
    samples = list(islice(reading, SAMPLES_READ))
    more = next(iter(reading), None) is not None
    reading.close()
    if not samples:
        yield f"{path}: no samples"
        return
    yield f"{path}: {'more than ' if more else ''}{len(samples)} samples, from {samples[0].origin.get('survey', '?')}"
    yield _table("modality samples first", _modalities(samples))
    yield _table("label first", ((k, v) for k, v in samples[0].labels.items()))


def _modalities(samples: list[Sample]) -> Iterator[tuple]:
    names = dict.fromkeys(name for sample in samples for name in sample)
    for name in names:
        own = [s[name] for s in samples if name in s]
        yield name, len(own), _record(own[0])


def _record(record: Record) -> str:
    if isinstance(record, Spectrum):
        wave = record.wavelength
        span = f"{wave.min():.0f} to {wave.max():.0f} Å"
        return f"spectrum, {len(wave)} pixels, {span}, {record.usable.mean():.0%} usable, S/N {record.snr:.1f}"
    if isinstance(record, Image):
        bands, height, width = record.flux.shape
        names = ", ".join(record.bands)
        return f"image, {bands} x {height} x {width} at {record.pixel_scale:.3f} arcsec, {names}"
    if isinstance(record, Field):
        grid = " x ".join(map(str, record.space))
        return f"field, {len(record.time)} frames of {grid} points, {', '.join(record.names)}"
    if isinstance(record, Scalar):
        sigma = "" if record.sigma is None else f" ± {record.sigma:.3g}"
        return f"{record.value:.5g}{sigma} {record.unit}".rstrip()
    if isinstance(record, Sequence):
        doubtful = f", {record.ambiguous} ambiguous" if record.ambiguous else ""
        features = f", {len(record.features)} features" if record.features else ""
        return f"{record.kind}, {len(record)} letters{doubtful}{features}"
    if isinstance(record, Structure):
        return _structure(record)
    if isinstance(record, Coefficients):
        return f"{len(record.values)} coefficients of {record.basis}, {record.relevant} above the noise"
    return type(record).__name__


def _structure(record: Structure) -> str:
    chains = ", ".join(f"{c.author} {c.kind} {c.end - c.start}" for c in record.polymers) or "no polymer"
    protein, (_, complete) = record.is_kind("protein"), record.backbone
    remarks = {
        "ligands and waters": int(record.is_kind("ligand", "water").sum()),
        "residues without N, CA or C": int((protein & ~complete).sum()),
        "atoms with other places": int((record.alternates > 0).sum()),
    }
    told = "".join(f", {count} {what}" for what, count in remarks.items() if count)
    return f"structure, {chains}{told}, model {record.model} of {record.models}"


def _brief(value: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={_brief(v)}" for k, v in value.items())
    if isinstance(value, list) and any(isinstance(v, Mapping | list) for v in value):
        return f"{len(value)}: " + "; ".join(
            str(v.get("name", "...")) if isinstance(v, Mapping) else "..." for v in value
        )
    return str(value)


def _table(header: str, rows: Any) -> Table:  # noqa: ANN401 - any iterable of rows
    table = Table(*header.split(), box=None, header_style="bold", padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # "[arcsec]" is a unit, not a style
    return table
