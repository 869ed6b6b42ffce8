"""The `train` verb for the system "tracks": token shards of aligned modalities in, a model that sums them out."""

from functools import partial
from pathlib import Path
from typing import Literal

from foundation.config import DataConfig, OptimConfig
from foundation.data.module import FoundationDataModule
from foundation.masking import SplitTrack
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.transformer import TrackTransformer
from foundation.seeded import seeded
from foundation.training.export import load_tokenizers
from foundation.training.run import Run
from foundation.training.tracks.module import TrackModule
from foundation.training.train import record_of
from foundation.training.trainer import TrainerConfig


def train(
    *,
    data: DataConfig,
    out: Path,
    policy: SplitTrack,
    model: TrackConfig = TrackConfig(),  # noqa: B008 - frozen, as are the next two
    optim: OptimConfig = OptimConfig(),  # noqa: B008
    trainer: TrainerConfig = TrainerConfig(),  # noqa: B008
    tokenizers: Path | None = None,
    seed: int = 0,
    resume: Literal["auto"] | Path | None = None,
    system: Literal["tracks"] = "tracks",
) -> None:
    """Train a model of biomolecules whose aligned modalities are summed position by position (MIMIC).

    Writes the same run directory as the other systems; `foundation embed`, `evaluate` and `generate` take its export.

    Example:
        foundation train tracks --config configs/mimic.yaml --data.train tokens/train --out runs/tracks

    Args:
        data: token shards and how they become batches.
        out: run directory.
        policy: pathways, and what of them is shown and asked.
        model: sizes; the defaults are those of MIMIC 1.0.
        optim: optimiser, schedule and balance of the loss.
        trainer: length of the run, hardware, records.
        tokenizers: directory of the tokenizers that made the shards; copied into the export, which then takes records.
        seed: of the initial weights, the order of the samples, the masking and what is hidden.
        resume: "auto" goes on from the last whole checkpoint in `out`, if there is one; or a checkpoint file.
        system: what a config of this verb is for, in its own words.

    Raises:
        FoundationError: `out` holds another run, a checkpoint of another configuration, spaces that `model` does not
            fit, or tokenizers that did not make the shards.
    """
    stream = FoundationDataModule(data, policy, seed, trainer.max_steps * trainer.accumulate)
    if tokenizers:
        load_tokenizers(tokenizers, stream.shards.manifest.tokenizer_hash, made=str(data.train))  # or refuse now
    options = {"model": model, "data": data, "optim": optim, "trainer": trainer, "tokenizers": tokenizers, "seed": seed}
    record = record_of(system, options, policy, stream, optim)
    run = Run.opened(out, trainer, record, resume)
    build = partial(_new_model, model, stream, seed)
    module = TrackModule(run.made(build), optim, trainer.max_steps, record, seed)
    run.train(module, stream, build, of=f"{len(stream.spaces)} modalities", validates=data.validation is not None)


def _new_model(config: TrackConfig, stream: FoundationDataModule, seed: int) -> TrackTransformer:
    with seeded(seed):
        return TrackTransformer(config, stream.spaces)
