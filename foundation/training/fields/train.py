"""The `fields train` verb: simulations in The Well's layout in; a run directory with an exported field model out."""

from pathlib import Path
from typing import Any, Literal

import torch

from foundation.config import OptimConfig
from foundation.errors import FoundationError
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.grow import add_fields
from foundation.model.fields.pretrained import FieldModel
from foundation.model.fields.stored_unet import FieldUNet
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
    begun = None if start is None else FieldModel.from_pretrained(start)
    model = model if begun is None else begun.config
    chosen = unet if network == "unet" else model
    stream = FieldDataModule(data, chosen, seed, trainer.max_steps, trainer.accumulate)
    record = _record(
        stream, model=model, network=network, unet=unet, data=data, objective=objective, optim=optim, trainer=trainer,
        start=start, seed=seed,
    )  # fmt: skip
    run = Run.opened(out, trainer, record, resume)
    trained = _new(chosen, stream.names, objective, seed) if begun is None else _knowing(begun, stream.names)
    module = FieldModule(trained, optim, trainer.max_steps, tuple(data.sets), objective, seed, record)
    run.train(
        module, stream, lambda where: _export(trained, where),
        of=f"{len(trained.names)} fields of {len(data.sets)} sets", validates=bool(stream.checks), begun=start,
        callbacks=[CostCalibration(data.calibrate_every)] if data.calibrate_every else (),
    )  # fmt: skip


def _record(stream: FieldDataModule, **options: object) -> dict[str, Any]:
    """What a checkpoint says of its run."""
    config = {name: resolved.plain(value) for name, value in options.items()}
    return {"config": config, "fields": list(stream.names), "data_fingerprint": stream.mix.fingerprint}


def _check(network: str, start: Path | None, objective: FieldObjective, trainer: TrainerConfig) -> None:
    if network == "unet" and start is not None:
        raise FoundationError(f"--start {start} with --network unet. Finetune transformers, train U-Nets from scratch.")
    averages = objective.kind == "latent" and objective.latent.guard == "average"
    if averages and "stage_3" in trainer.strategy:
        raise FoundationError(
            f"--trainer.strategy {trainer.strategy} leaves no whole weights to average. Take deepspeed_stage_2, or "
            "`--objective.latent.guard variance`."
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


def _export(model: FieldTransformer | UNet, out: Path) -> None:
    with torch.device("meta"):
        kind = FieldUNet if isinstance(model, UNet) else FieldModel
        exported = kind(model.config, model.names)  # pyright: ignore[reportArgumentType] - of the same kind
    exported.load_state_dict(model.state_dict(), assign=True)
    exported.save_pretrained(out)
