"""The `train` verb: token shards, a masking policy and a model in; a run directory with an exported encoder out."""

from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lightning.pytorch.callbacks import Callback

from foundation.config import DataConfig, ModelConfig, OptimConfig
from foundation.data.module import FoundationDataModule
from foundation.errors import FoundationError
from foundation.masking import MaskingPolicy, RandomBudget
from foundation.model.transformer import FoundationTransformer
from foundation.seeded import seeded
from foundation.training import resolved
from foundation.training.export import load_tokenizers
from foundation.training.module import PretrainingModule
from foundation.training.rare import code_weights
from foundation.training.run import Run
from foundation.training.trainer import TrainerConfig

if TYPE_CHECKING:
    from foundation.tokenizers.bundle import TokenizerBundle


def train(
    *,
    data: DataConfig,
    out: Path,
    model: ModelConfig = ModelConfig(),  # noqa: B008 - frozen, as are the next three
    policy: MaskingPolicy = RandomBudget(),  # noqa: B008
    optim: OptimConfig = OptimConfig(),  # noqa: B008
    trainer: TrainerConfig = TrainerConfig(),  # noqa: B008
    tokenizers: Path | None = None,
    seed: int = 0,
    resume: Literal["auto"] | Path | None = None,
) -> None:
    """Pretrain the masked transformer on token shards.

    Writes into the run directory config.yaml (every option), metrics.csv, tensorboard/, checkpoints/ and, at the end,
    export/, which `foundation embed`, `foundation evaluate` and FoundationModel.from_pretrained read. A run that was
    killed goes on with `--resume auto` exactly as if it had not been.

    Example:
        foundation train --config configs/aion_small.yaml --data.train tokens/train --out runs/small

    Args:
        data: token shards and how they become batches.
        out: run directory.
        model: sizes and parts of the transformer.
        policy: what is given and what is asked.
        optim: optimiser, schedule and balance of the loss.
        trainer: length of the run, hardware, records.
        tokenizers: directory of the tokenizers that made the shards; copied into the export, which then takes records.
        seed: of the initial weights, the order of the samples and the masking.
        resume: "auto" goes on from the last whole checkpoint in `out`, if there is one; or a checkpoint file.

    Raises:
        FoundationError: `out` holds another run, a checkpoint of another configuration, or tokenizers that did not make
            the shards.
    """
    stream = FoundationDataModule(data, policy, seed, trainer.max_steps * trainer.accumulate)
    made_by = stream.shards.manifest.tokenizer_hash
    bundle = load_tokenizers(tokenizers, made_by, made=str(data.train)) if tokenizers else None
    options = {"model": model, "data": data, "optim": optim, "trainer": trainer, "tokenizers": tokenizers, "seed": seed}
    record = record_of("tokens", options, policy, stream, optim)
    run = Run.opened(out, trainer, record, resume)
    build = partial(_new_model, model, stream, seed)
    module = PretrainingModule(run.made(build), optim, trainer.max_steps, record)
    run.train(
        module, stream, build, of=f"{len(stream.spaces)} spaces", validates=data.validation is not None,
        callbacks=_pictures(trainer.pictures, stream, policy, bundle, out),
    )  # fmt: skip


def record_of(
    system: str, options: dict[str, object], policy: MaskingPolicy, stream: FoundationDataModule, optim: OptimConfig
) -> dict[str, Any]:
    """What every checkpoint stores: the system it belongs to, all options, and what the data are."""
    config = {name: resolved.plain(value) for name, value in options.items()} | {"policy": resolved.by_class(policy)}
    manifest = stream.shards.manifest
    return {
        "system": system,
        "config": config,
        "spaces": resolved.plain(list(stream.spaces)),
        "tokenizer_hash": manifest.tokenizer_hash,
        "data_fingerprint": manifest.fingerprint,
        "code_weights": code_weights(stream.shards, optim.rare_codes),
    }


def _new_model(config: ModelConfig, stream: FoundationDataModule, seed: int) -> FoundationTransformer:
    with seeded(seed):
        return FoundationTransformer(config, stream.spaces)


def _pictures(
    count: int, stream: FoundationDataModule, policy: MaskingPolicy, bundle: "TokenizerBundle | None", out: Path
) -> list[Callback]:
    """The callback that draws completions, if there are tokenizers and held-out samples to draw."""
    if bundle is None or stream.validation is None or count < 1:
        return []
    try:
        from foundation.training.pictures import SamplePictures
    except ModuleNotFoundError as error:
        raise FoundationError(
            f"Pictures need {error.name}, which is not installed. "
            "Type `pip install 'foundation-science[eval]'`, or `--trainer.pictures 0`."
        ) from error
    samples = [sample.tokens for sample in islice(stream.validation, count)]
    return [SamplePictures(samples, policy, bundle, out / "pictures")]
