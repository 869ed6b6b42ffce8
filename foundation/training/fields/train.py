"""The `fields train` verb: simulations in The Well's layout in; a run directory with an exported field model out."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from foundation.config import OptimConfig
from foundation.errors import FoundationError
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.grow import add_fields
from foundation.model.fields.pretrained import FieldModel
from foundation.model.fields.transformer import FieldTransformer
from foundation.model.fields.unet import UNet
from foundation.model.fields.unet_config import UNetConfig
from foundation.seeded import seeded
from foundation.training import resolved
from foundation.training.fields.calibrate import CostCalibration
from foundation.training.fields.config import FieldDataConfig
from foundation.training.fields.data import FieldDataModule
from foundation.training.fields.latent import silence
from foundation.training.fields.module import FieldModule
from foundation.training.fields.objective import FieldObjective
from foundation.training.run import Run
from foundation.training.strategy.choose import SHARDED
from foundation.training.trainer import TrainerConfig


def train(
    *,
    data: FieldDataConfig,
    out: Path,
    model: FieldModelConfig = FieldModelConfig(),  # noqa: B008 - frozen, as are the next four
    network: Literal["transformer", "unet"] = "transformer",
    unet: UNetConfig = UNetConfig(),  # noqa: B008
    objective: FieldObjective = FieldObjective(),  # noqa: B008
    optim: OptimConfig = OptimConfig(),  # noqa: B008
    trainer: TrainerConfig = TrainerConfig(),  # noqa: B008
    start: Path | None = None,
    seed: int = 0,
    resume: Literal["auto"] | Path | None = None,
) -> None:
    """Train one model on simulations in 2D and 3D, balanced over ranks by what each data set costs.

    Writes into the run directory config.yaml (every option), metrics.csv, tensorboard/, checkpoints/ and, at the end,
    export/, which `foundation fields evaluate` and FieldModel.from_pretrained read. A run that was killed goes on with
    `--resume auto` exactly as if it had not been.

    Example:
        foundation fields train --config configs/walrus_small.yaml --out runs/fields

    Args:
        data: the data sets, and windows of them.
        out: run directory.
        model: sizes and parts of the transformer.
        network: what is trained; "unet" is what a transformer should be compared with.
        unet: sizes of the U-Net.
        objective: what is asked of a window.
        optim: optimiser and schedule.
        trainer: length of the run, hardware, records.
        start: an exported transformer or a released Walrus checkpoint to finetune; `model` is then ignored, and
            fields that it does not know are added without changing what it predicts.
        seed: of the initial weights, the order of the windows, jitter and token rolls.
        resume: "auto" goes on from the last whole checkpoint in `out`, if there is one; or a checkpoint file.

    Raises:
        FoundationError: `out` holds another run, or files or a checkpoint that cannot be used.
    """
    _check(network, start, objective, trainer)
    _check_push(objective, data)
    begun = None if start is None else FieldModel.from_pretrained(start)
    model = model if begun is None else begun.config
    chosen = unet if network == "unet" else model
    stream = FieldDataModule(data, chosen, seed, trainer.max_steps, trainer.accumulate)
    _check_kinds(stream, trainer)
    names = stream.names if begun is None else tuple(dict.fromkeys((*begun.names, *stream.names)))
    options = {"model": model, "network": network, "unet": unet, "data": data, "objective": objective, "optim": optim}
    record = _record(stream, names, **options, trainer=trainer, start=start, seed=seed)
    run = Run.opened(out, trainer, record, resume)
    build = partial(_new, chosen, names, objective, seed)
    trained = run.made(build) if begun is None else _knowing(begun, names)
    module = FieldModule(trained, optim, trainer.max_steps, tuple(data.sets), objective, seed, record)
    run.train(
        module, stream, None if start else build, of=f"{len(names)} fields of {len(data.sets)} sets",
        validates=bool(stream.checks), begun=start,
        callbacks=[CostCalibration(data.calibrate_every)] if data.calibrate_every else (),
    )  # fmt: skip


def _record(stream: FieldDataModule, names: Sequence[str], **options: object) -> dict[str, Any]:
    """What every checkpoint stores: all options, and what the data are."""
    return {
        "system": "fields",
        "config": {name: resolved.plain(value) for name, value in options.items()},
        "fields": list(names),
        "data_fingerprint": stream.mix.fingerprint,
    }


def _check(network: str, start: Path | None, objective: FieldObjective, trainer: TrainerConfig) -> None:
    if network == "unet" and start is not None:
        raise FoundationError(f"--start {start} with --network unet. Finetune transformers, train U-Nets from scratch.")
    averages = objective.kind == "latent" and objective.latent.guard == "average"
    if averages and trainer.strategy in SHARDED:
        raise FoundationError(
            f"--trainer.strategy {trainer.strategy} leaves no whole weights to average. Take zero2, or "
            "`--objective.latent.guard variance`."
        )


def _check_push(objective: FieldObjective, data: FieldDataConfig) -> None:
    """A pushed window gives its last frame up, and needs two before it to know how far fields move."""
    if objective.push and min(data.frames) < 3:
        raise FoundationError(
            f"objective.push {objective.push} with windows of {data.frames} frames. "
            "Show 3 or more (`--data.frames`), or set `--objective.push 0`."
        )


def _check_kinds(stream: FieldDataModule, trainer: TrainerConfig) -> None:
    """ZeRO 3 gathers weights as ranks ask for them, so all have to ask for the same."""
    kinds = {len(source.windows.readers[0].layout.space) for source in stream.sources}
    if trainer.strategy == "zero3" and len(kinds) > 1:
        raise FoundationError(
            f"--trainer.strategy zero3 with data in {' and '.join(f'{k}D' for k in sorted(kinds))}, which ranks would "
            "ask other weights for. Take `--trainer.strategy fsdp`, which also deals out weights, or zero2."
        )


def _new(
    config: FieldModelConfig | UNetConfig, names: tuple[str, ...], objective: FieldObjective, seed: int
) -> FieldTransformer | UNet:
    with seeded(seed):
        model = UNet(config, names) if isinstance(config, UNetConfig) else FieldTransformer(config, names)
    if objective.kind == "latent" and isinstance(model, FieldTransformer):
        silence(model)
    return model


def _knowing(model: FieldTransformer, names: tuple[str, ...]) -> FieldTransformer:
    """The model in training, grown by the fields that it lacks."""
    new = [n for n in names if n not in model.names]
    return (add_fields(model, new) if new else model).train()
