"""The `spectra train` verb: record shards of spectra in; a run directory with an exported model out."""

from functools import partial
from pathlib import Path
from typing import Any, Literal

from foundation.config import OptimConfig
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.pretrained import SpectralModel
from foundation.seeded import seeded
from foundation.tokenizers.native import NativeConfig
from foundation.training import resolved
from foundation.training.run import Run
from foundation.training.spectra.config import SpectraDataConfig, SpectraObjective
from foundation.training.spectra.data import SpectraDataModule
from foundation.training.spectra.module import SpectraModule
from foundation.training.trainer import TrainerConfig


def train(
    *,
    data: SpectraDataConfig,
    out: Path,
    model: SpectraConfig = SpectraConfig(),  # noqa: B008 - frozen, as are the next four
    cut: NativeConfig = NativeConfig(),  # noqa: B008
    objective: SpectraObjective = SpectraObjective(),  # noqa: B008
    optim: OptimConfig = OptimConfig(),  # noqa: B008
    trainer: TrainerConfig = TrainerConfig(),  # noqa: B008
    seed: int = 0,
    resume: Literal["auto"] | Path | None = None,
) -> None:
    """Train one model on spectra of all surveys, each on its own grid.

    Writes into the run directory config.yaml (every option), metrics.csv, tensorboard/, checkpoints/ and, at the end,
    export/, which `foundation spectra embed` and SpectralModel.from_pretrained read. A run that was killed goes on with
    `--resume auto` exactly as if it had not been.

    Example:
        foundation spectra train --config configs/spectra_small.yaml --data.train data/records --out runs/spectra

    Args:
        data: the spectra, and batches of them.
        out: run directory.
        model: sizes and parts of the network.
        cut: how spectra become patches.
        objective: what is asked.
        optim: optimiser and schedule.
        trainer: length of the run, hardware, records.
        seed: of the initial weights and of what is drawn.
        resume: "auto" goes on from the last whole checkpoint in `out`, if there is one; or a checkpoint file.

    Raises:
        FoundationError: `out` holds another run, or shards or a checkpoint that cannot be used.
    """
    batches = trainer.max_steps * trainer.accumulate
    stream = SpectraDataModule(data, cut, objective.policy, seed, batches, trainer.validation_batches)
    options = {"model": model, "cut": cut, "data": data, "objective": objective, "optim": optim}
    record: dict[str, Any] = {
        "system": "spectra",
        "config": {name: resolved.plain(x) for name, x in (options | {"trainer": trainer, "seed": seed}).items()},
        "data_fingerprint": stream.shards.manifest.fingerprint,
    }
    run = Run.opened(out, trainer, record, resume)
    build = partial(_new, model, cut, seed)
    module = SpectraModule(run.made(build), optim, trainer.max_steps, objective, record)
    run.train(
        module, stream, build, of=f"{stream.shards.manifest.samples} samples", validates=stream.held_out is not None
    )


def _new(config: SpectraConfig, cut: NativeConfig, seed: int) -> SpectralModel:
    with seeded(seed):
        return SpectralModel(config, cut)
