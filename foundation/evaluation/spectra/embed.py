"""The `spectra embed` verb: frozen embeddings of spectra of all surveys mixed, as a table."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.data.ingest import Outcome
from foundation.data.records import Sample, Spectrum
from foundation.errors import FoundationError
from foundation.evaluation.embed import Columns, batches, conclude, samples_in, table_writer
from foundation.files import whole_file
from foundation.model.spectra.pretrained import SpectralModel


def embed(
    model: Path,
    files: list[Path],
    *,
    out: Path,
    modalities: tuple[str, ...] = (),
    together: int = 1,
    bins: int = 0,
    between: tuple[float, float] = (3600.0, 10400.0),
    device: str = "cpu",
) -> None:
    """Write an embedding of each spectrum in survey files, directories of them, or record shards.

    The table has the columns key, path, labels (as JSON) and embedding (the mean of the states of the spectrum's
    patches, or means in bins); of an object with several spectra the key names the spectrum after a slash. Bad files
    are passed over, their reasons printed, and the exit status is 1; spectra without enough valid pixels are left out
    and counted.

    Example:
        foundation spectra embed runs/spectra/export surveys/ --out embeddings.parquet

    Args:
        model: directory of an exported model of spectra, or a hub name.
        files: survey files, directories of them, patterns, or directories of record shards.
        out: the table, .parquet or .npz.
        modalities: names of the spectra to embed; all if not given.
        together: spectra of a pass; with 1 an embedding depends on no other spectrum, bit for bit.
        bins: of wavelength, equal in ln(wavelength): an embedding is then the means of all of them one after the other,
            NaN where a spectrum has no patch; probes tell more from them than from one mean. 0 = one mean of all.
        between: wavelengths of the first and the last edge of the bins, vacuum Å; patches outside do not count.
        device: where the encoder runs.

    Raises:
        FoundationError: a file could not be read, nothing was embedded, the table is of another type, or there is no
            such number of bins.
    """
    writer, edges = table_writer(out), _edges(bins, between)
    encoder = SpectralModel.from_pretrained(model, device)
    outcome, count, left_out = Outcome(), 0, 0
    with whole_file(out) as temporary, writer(temporary) as write:
        for samples in batches(samples_in(files, outcome)):
            columns, lost = _columns(encoder, list(_spectra(samples, modalities)), together, edges)
            left_out += lost
            if columns["key"] != []:
                count += len(columns["key"])
                write(columns)
        if not count:
            reasons = " ".join(reason for _, reason in outcome.failures[:3])
            raise FoundationError(f"{out}: no spectrum to embed in {len(files)} files. {reasons}".rstrip())
    conclude(outcome, out, f"{count} objects embedded", left_out)


def _edges(bins: int, between: tuple[float, float]) -> Float[Tensor, "E"] | None:
    if bins < 0 or not 0 < between[0] < between[1]:
        raise FoundationError(
            f"{bins} bins between {between[0]:g} and {between[1]:g} Å. Give 1 or more, 0 = none, and ascending Å."
        )
    first, last = map(math.log, between)
    return torch.linspace(first, last, bins + 1, dtype=torch.float64) if bins else None


def _spectra(samples: Sequence[Sample], modalities: Sequence[str]) -> Iterator[tuple[str, Sample, Spectrum]]:
    """Key, sample and record of each spectrum."""
    for sample in samples:
        own = {n: r for n, r in sample.items() if isinstance(r, Spectrum) and (not modalities or n in modalities)}
        for name, record in own.items():
            yield sample.key if len(own) == 1 else f"{sample.key}/{name}", sample, record


def _columns(
    encoder: SpectralModel,
    spectra: Sequence[tuple[str, Sample, Spectrum]],
    together: int,
    edges: Float[Tensor, "E"] | None,
) -> tuple[Columns, int]:
    """Columns of the spectra that have an embedding, and how many have none."""
    embedding = encoder.embed([record for _, _, record in spectra], together, edges)
    known = [i for i, row in enumerate(embedding) if not torch.isnan(row).all()]
    some = [spectra[i] for i in known]
    columns: Columns = {
        "key": [key for key, _, _ in some],
        "path": [str(sample.origin.get("path", "")) for _, sample, _ in some],
        "labels": [json.dumps(dict(sample.labels)) for _, sample, _ in some],
        "embedding": embedding[known].numpy(),
    }
    return columns, len(spectra) - len(known)
