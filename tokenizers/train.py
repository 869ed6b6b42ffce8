"""The `tokenize train` verb: record shards in, a directory of tokenizers out, with what is needed to judge them."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from foundation.data.records import Scalar
from foundation.data.shards import RecordShards
from foundation.progress import track
from foundation.seeded import seeded
from foundation.tokenizers.autoencoder import Autoencoder, CodecTraining
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.batches import Batches
from foundation.tokenizers.coefficients import CoefficientsConfig, CoefficientsTokenizer
from foundation.tokenizers.image import ImageConfig, ImageTokenizer
from foundation.tokenizers.learned import LearnedTokenizer
from foundation.tokenizers.quality import report
from foundation.tokenizers.reservoir import Reservoir
from foundation.tokenizers.scalar import ScalarConfig, ScalarTokenizer
from foundation.tokenizers.segmentation import SegmentationConfig, SegmentationTokenizer
from foundation.tokenizers.sources import SourcesConfig, SourcesTokenizer
from foundation.tokenizers.spectrum import SpectrumConfig, SpectrumTokenizer
from foundation.tokenizers.structure import StructureConfig, StructureTokenizer
from foundation.training import resolved
from foundation.training.curves import METRICS, MetricsFile
from foundation.training.quiet import quiet

EXPECTED = (  # warnings of Lightning about what is meant here
    ".*exists and is not empty.*",  # metrics.csv of an earlier training
    ".*LeafSpec.*",  # Lightning's use of torch
)


def train(
    *,
    data: Path,
    out: Path,
    image: ImageConfig | None = None,
    spectrum: SpectrumConfig | None = None,
    segmentation: SegmentationConfig | None = None,
    structure: StructureConfig | None = None,
    scalars: dict[str, ScalarConfig] | None = None,
    coefficients: dict[str, CoefficientsConfig] | None = None,
    sources: dict[str, SourcesConfig] | None = None,
    images: tuple[str, ...] = ("image",),
    spectra: tuple[str, ...] = ("spectrum_sdss", "spectrum_desi"),
    planes: tuple[str, ...] = ("segmentation",),
    structures: tuple[str, ...] = ("prot_struct",),
    training: CodecTraining = CodecTraining(),  # noqa: B008 - frozen
) -> None:
    """Train or fit tokenizers on record shards.

    Writes one directory per modality into `out`, so that several calls with the same `out` make one set of tokenizers.
    `out`/training/KIND, as image, has config.yaml (every option), metrics.csv, quality.json and reconstruction.png.

    Example:
        foundation tokenize train --config configs/tokenizers/spectrum_small.yaml --data records/train --out tokenizers

    Args:
        data: directory of record shards.
        out: directory of the tokenizers.
        image: train one image tokenizer of this size.
        spectrum: train one spectrum tokenizer of this size.
        segmentation: train one tokenizer of planes of values from 0 to 1 of this size.
        structure: train one tokenizer of the backbone around residues of this size.
        scalars: fit bins to each of these modalities.
        coefficients: likewise, to each coefficient.
        sources: likewise, to the shapes of the sources of cut-outs.
        images: modalities that share the image tokenizer.
        spectra: modalities that share the spectrum tokenizer.
        planes: modalities that share the tokenizer of planes.
        structures: modalities that share the tokenizer of structures.
        training: length, rate and precision.

    Raises:
        FoundationError: no shards, or none of the wanted records in them.
    """
    shards = RecordShards(data)
    if scalars:
        for tokenizer in fit_scalars(scalars, shards, training.seed):
            tokenizer.save_pretrained(out / tokenizer.name)
    _fit(CoefficientsTokenizer, coefficients or {}, shards, training.seed, out)
    _fit(SourcesTokenizer, sources or {}, shards, training.seed, out)
    codecs = (
        (ImageTokenizer, image, "images", images),
        (SpectrumTokenizer, spectrum, "spectra", spectra),
        (SegmentationTokenizer, segmentation, "planes", planes),
        (StructureTokenizer, structure, "structures", structures),
    )
    for kind, config, named, modalities in codecs:
        if config is not None:
            options = {"data": data, "out": out, kind.kind: config, named: modalities, "training": training}
            _train_codec(kind, config, modalities, shards, options)


def _train_codec(
    kind: type[LearnedTokenizer],
    config: ImageConfig | SpectrumConfig | SegmentationConfig | StructureConfig,
    modalities: tuple[str, ...],
    shards: RecordShards,
    options: Mapping[str, Any],
) -> None:
    """Train one codec and write it under the name of each of its modalities."""
    directory, training = options["out"] / "training" / kind.kind, options["training"]
    with seeded(training.seed):
        codec = kind(config, modalities[0])
    batches = Batches(shards, codec, modalities, training)
    held_out = batches.held_out()
    resolved.write(resolved.plain(options), directory / "config.yaml")
    with quiet(EXPECTED):
        seconds = fit_codec(codec, batches, directory)
    for modality in modalities:
        codec.renamed(modality).save_pretrained(options["out"] / modality)
    report(codec, batches.first, held_out, seconds, directory)


def fit_scalars(configs: Mapping[str, ScalarConfig], shards: RecordShards, seed: int = 0) -> list[ScalarTokenizer]:
    """Tokenizers of scalars, fitted in one pass over the shards.

    Raises:
        TokenizerError: a scalar that no sample has, or what is none.
    """
    reservoirs = {name: Reservoir(c.reservoir, seed) for name, c in configs.items()}
    units: dict[str, str] = {}
    for sample in track(shards, "fitting scalars", len(shards)):
        for name in reservoirs.keys() & sample.keys():
            scalar = sample[name]
            if not isinstance(scalar, Scalar):
                raise TokenizerError(
                    f"{name}: is a {type(scalar).__name__}. Give modalities of scalars to `--scalars`."
                )
            reservoirs[name].add(scalar.value)
            units.setdefault(name, scalar.unit)
    fitted = {n: replace(c, unit=c.unit or units.get(n, "")) for n, c in configs.items()}
    return [ScalarTokenizer(c, name).fit([reservoirs[name].values()], seed) for name, c in fitted.items()]


def _fit(
    kind: type[CoefficientsTokenizer] | type[SourcesTokenizer],
    configs: Mapping[str, Any],
    shards: RecordShards,
    seed: int,
    out: Path,
) -> None:
    """Fit the bins of each of these modalities and write its tokenizer."""
    for name, config in configs.items():
        tokenizer = kind(config, name)
        records = (s[name] for s in track(shards, f"fitting {name}", len(shards)) if name in s)
        usable: Iterator[Any] = filter(tokenizer.accepts, records)
        tokenizer.fit(usable, seed).save_pretrained(out / name)


def fit_codec(codec: LearnedTokenizer, batches: Batches, directory: Path) -> float:
    """Train a codec in place; returns the seconds it took. metrics.csv in `directory` grows while it runs."""
    config = batches.config
    (directory / METRICS).unlink(missing_ok=True)
    trainer = pl.Trainer(
        max_steps=config.steps,
        precision=config.precision,
        gradient_clip_val=config.clip_norm,
        log_every_n_steps=1,  # Autoencoder decides which rows there are
        logger=MetricsFile(directory),
        devices=1,
        enable_checkpointing=False,
        enable_progress_bar=False,  # Batches shows its own, with a total
        enable_model_summary=False,
    )
    start = time.monotonic()
    trainer.fit(Autoencoder(codec, config), batches)
    codec.cpu().eval()
    return time.monotonic() - start
