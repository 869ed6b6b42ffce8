"""The `export` verb: from a training checkpoint to the directory that FoundationModel.from_pretrained reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.config import ModelConfig
from foundation.errors import FoundationError
from foundation.model.pretrained import FoundationModel
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Space
from foundation.training import resolved
from foundation.training.checkpoint import CheckpointError, latest, read

if TYPE_CHECKING:
    from foundation.tokenizers.bundle import TokenizerBundle

WEIGHTS = "model."  # where PretrainingModule keeps the transformer


def export(checkpoint: Path, *, out: Path, tokenizers: Path | None = None) -> None:
    """Turn a training checkpoint into model.safetensors, config.json, tokenizers and a model card.

    Example:
        foundation export runs/small/checkpoints/last.ckpt --out models/small

    Args:
        checkpoint: a .ckpt file, or a run directory, of which the last whole checkpoint is taken.
        out: directory to write; the whole of it is replaced.
        tokenizers: directory of the tokenizers; None = where the training run found them.

    Raises:
        FoundationError: no such checkpoint, a damaged one, or tokenizers that did not make its training data.
    """
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
    record = content["foundation"]
    where = tokenizers or record["config"]["tokenizers"]
    bundle = load_tokenizers(Path(where), record["tokenizer_hash"], made=str(path)) if where else None
    save(rebuild(content), bundle, out)
    resolved.write(record["config"], out / "training.yaml")


def rebuild(content: Mapping[str, Any]) -> FoundationTransformer:
    """The transformer of a checkpoint that `foundation.training.checkpoint.read` returned."""
    record = content["foundation"]
    model = FoundationTransformer(
        ModelConfig(**record["config"]["model"]), [Space.restore(s) for s in record["spaces"]]
    )
    weights = {k.removeprefix(WEIGHTS): v for k, v in content["state_dict"].items() if k.startswith(WEIGHTS)}
    model.load_state_dict(weights)
    return model


def save(model: FoundationTransformer, tokenizers: "TokenizerBundle | None", out: Path) -> None:
    """Write the exported model."""
    exported = FoundationModel(model.config, model.spaces, tokenizers)
    exported.load_state_dict(model.state_dict())
    exported.save_pretrained(out)


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
