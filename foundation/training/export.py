"""The `export` verb: from a training checkpoint to the directory that FoundationModel.from_pretrained reads."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from foundation.config import ModelConfig, OptimConfig
from foundation.errors import FoundationError
from foundation.model.network_files import sizes
from foundation.model.pretrained import FoundationModel
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Space
from foundation.training import resolved
from foundation.training.checkpoint import CheckpointError, latest, read
from foundation.training.module import PretrainingModule

if TYPE_CHECKING:
    from foundation.tokenizers.bundle import TokenizerBundle

WEIGHTS = "model."  # where a training module keeps its model
SAVERS = {  # what a checkpoint calls the system it belongs to -> what writes its model
    "tokens": "foundation.training.export:save",
    "tracks": "foundation.training.tracks.export:save",
    "fields": "foundation.training.fields.export:save",
    "spectra": "foundation.training.spectra.export:save",
    "anchored": "foundation.training.anchored.export:save",
}


def export(
    checkpoint: Path, *, out: Path, tokenizers: Path | None = None, layout: Literal["foundation", "aion"] = "foundation"
) -> None:
    """Turn a training checkpoint into model.safetensors, config.json, a model card and, if there are any, tokenizers.

    Checkpoints are alike for all systems and all strategies; this is also how a training run ends.

    Example:
        foundation export runs/small/checkpoints/last.ckpt --out models/small

    Args:
        checkpoint: a .ckpt file, or a run directory, of which the last whole checkpoint is taken; for another layout
            than ours also a directory that was exported before.
        out: directory to write; the whole of it is replaced, in another layout than ours it must be new.
        tokenizers: directory of the tokenizers; None = where the training run found them.
        layout: "aion" is what the code released with AION-1 reads.

    Raises:
        FoundationError: no such checkpoint, a damaged one, tokenizers that did not make its training data, or a model
            that has no place in the layout.
    """
    if layout == "aion":
        from foundation.interop.aion_files import write_aion

        exported = (checkpoint / "config.json").is_file()
        write_aion(FoundationModel.of_tokens(checkpoint) if exported else _model_in(checkpoint, tokenizers), out)
        return
    content = _content(checkpoint)
    record = content["foundation"]
    module, _, function = SAVERS[record.get("system", "tokens")].partition(":")
    getattr(import_module(module), function)(record, trained(content), out, tokenizers)
    resolved.write(record["config"], out / "training.yaml")


def _content(checkpoint: Path) -> dict[str, Any]:
    """What a checkpoint, or the last one of a run, holds."""
    path = latest(checkpoint / "checkpoints") if checkpoint.is_dir() else checkpoint
    if path is None:
        raise CheckpointError(
            f"{checkpoint}: no whole checkpoint in this run. "
            "Train it further with `--resume auto`, or give a .ckpt file."
        )
    content = read(path)
    if "foundation" not in content:
        raise CheckpointError(
            f"{path}: not a checkpoint of `foundation train`. Give one from a run's checkpoints directory."
        )
    return content


def _model_in(checkpoint: Path, tokenizers: Path | None) -> FoundationModel:
    content = _content(checkpoint)
    record = content["foundation"]
    if (system := record.get("system", "tokens")) != "tokens":
        raise CheckpointError(f"{checkpoint}: a model of {system}, and AION-1 is one of tokens. Leave out `--layout`.")
    return _model(record, trained(content), tokenizers)


def trained(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of the model, by its own names, in what `foundation.training.checkpoint.read` returned."""
    return {k.removeprefix(WEIGHTS): v for k, v in content["state_dict"].items() if k.startswith(WEIGHTS)}


def rebuild(content: Mapping[str, Any]) -> FoundationTransformer:
    """The transformer over tokens of a checkpoint that `foundation.training.checkpoint.read` returned."""
    config, spaces = _parts(content["foundation"])
    model = FoundationTransformer(config, spaces)
    model.load_state_dict(trained(content))
    return model


def save(record: Mapping[str, Any], weights: Mapping[str, Tensor], out: Path, tokenizers: Path | None) -> None:
    """Write a model over tokens."""
    _model(record, weights, tokenizers).save_pretrained(out)


def _model(record: Mapping[str, Any], weights: Mapping[str, Tensor], tokenizers: Path | None) -> FoundationModel:
    """The model of a checkpoint to be written, not to be run: its constants are on no device."""
    bundle = bundle_of(record, tokenizers)
    with torch.device("meta"):
        exported = FoundationModel(*_parts(record), bundle)
    exported.load_state_dict(weights, assign=True)
    return exported


def revived(record: Mapping[str, Any]) -> PretrainingModule:
    """The module that trains a model over tokens, with new weights."""
    optim = OptimConfig(**sizes(record["config"]["optim"]))
    return PretrainingModule(FoundationTransformer(*_parts(record)), optim, 1, record)


def _parts(record: Mapping[str, Any]) -> tuple[ModelConfig, list[Space]]:
    return ModelConfig(**record["config"]["model"]), [Space.restore(s) for s in record["spaces"]]


def bundle_of(record: Mapping[str, Any], tokenizers: Path | None) -> "TokenizerBundle | None":
    """The tokenizers of a run, from this directory or from where the run found them; None = it had none."""
    where = tokenizers or record["config"]["tokenizers"]
    return load_tokenizers(Path(where), record["tokenizer_hash"], made="the training data") if where else None


def load_tokenizers(path: Path, fingerprint: str, made: str) -> "TokenizerBundle":
    """The tokenizers in `path`.

    Args:
        fingerprint: the one that the token shards were made with.
        made: what was made with it, for the message.

    Raises:
        FoundationError: other tokenizers than those.
    """
    from foundation.tokenizers.bundle import TokenizerBundle  # quantisers are imported only where needed

    bundle = TokenizerBundle.from_pretrained(path)
    if bundle.fingerprint() != fingerprint:
        raise FoundationError(
            f"{made} was made with tokenizers {fingerprint}, {path} holds {bundle.fingerprint()}; codes would not mean "
            "the same. Give the directory they were made with, or tokenize the records again."
        )
    return bundle
