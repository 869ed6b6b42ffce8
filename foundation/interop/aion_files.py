"""Files of AION-1: config.json and model.safetensors, as released or as the released code would read them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file

from foundation.config import ModelConfig
from foundation.errors import FoundationError
from foundation.files import whole_directory
from foundation.interop.aion import Model, from_released, released_config, to_released
from foundation.interop.aion_keys import KEYS, keys_of
from foundation.interop.tensors import read_tensors
from foundation.model.network_files import CONFIG, WEIGHTS
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Space

if TYPE_CHECKING:
    from foundation.tokenizers.bundle import TokenizerBundle

SAME = {  # entries of config.json that all released sizes share, and that this package builds
    "act_layer": "SiLU",
    "gated_mlp": True,
    "mlp_bias": False,
    "norm_bias": False,
    "proj_bias": False,
    "qk_norm": True,
    "qkv_bias": False,
}
SIZES = {  # entry of config.json -> option of ours
    "decoder_depth": "decoder_depth",
    "dim": "width",
    "encoder_depth": "depth",
    "mlp_ratio": "mlp_ratio",
    "num_heads": "heads",
}
DOMAINS = ("domains_in", "domains_out")
CODECS = "codecs"


def is_aion(directory: Path) -> bool:
    """Whether config.json in this directory is one of the release."""
    try:
        return DOMAINS[0] in json.loads((directory / CONFIG).read_text())
    except (OSError, ValueError, TypeError):
        return False


def read_aion(
    directory: Path,
    make: Callable[[ModelConfig, Sequence[Space]], Model],
    released_behaviour: bool = False,
) -> Model:
    """The model in a directory of the release, of any size.

    Args:
        directory: with config.json and model.safetensors.
        make: the class to make, or a function that makes one.
        released_behaviour: compute what the released code computes, see `foundation.interop.aion.released_config`.

    Raises:
        FoundationError: a file missing or damaged, an option that AION-1 does not have, tensors missing or left over.
    """
    config, spaces = config_of(directory / CONFIG, released_behaviour)
    path = directory / WEIGHTS
    if not path.is_file():
        raise FoundationError(f"{path} is missing. Copy the whole directory.")
    tensors = read_tensors(path)
    kept = {one: tensors[other] for one, other in _twins(spaces).items() if one not in tensors and other in tensors}
    return from_released(tensors | kept, config, spaces, make, str(path))


def released_tokenizers(directory: Path, spaces: Sequence[Space]) -> "TokenizerBundle | None":
    """The codecs in a directory of the release, of the keys that these spaces are; None without any.

    Raises:
        FoundationError: one is damaged, or not AION-1's.
    """
    if not (directory / CODECS).is_dir():
        return None
    from foundation.interop.aion_codecs import read_codecs  # quantisers are imported only where needed

    return read_codecs(directory / CODECS, [s.name for s in spaces])


def config_of(path: Path, released_behaviour: bool = False) -> tuple[ModelConfig, tuple[Space, ...]]:
    """What a released config.json describes.

    Raises:
        FoundationError: entries that are missing or unknown, or that AION-1 does not have.
    """
    stored: dict[str, Any] = json.loads(path.read_text())
    odd = sorted(set(stored) ^ {*SAME, *SIZES, *DOMAINS})
    odd += [f"{n} = {stored[n]!r}" for n, v in SAME.items() if n in stored and stored[n] != v]
    if odd:
        raise FoundationError(f"{path}: {', '.join(odd)} missing or not AION-1's. Give a released config.json.")
    taken, asked = (list(stored[n]) for n in DOMAINS)
    if sorted(taken) != sorted(asked):
        raise FoundationError(
            f"{path}: {', '.join(sorted(set(taken) ^ set(asked)))} only go in or only come out. "
            "Give a model that takes and predicts the same keys, as the released ones do."
        )
    sizes = {ours: stored[theirs] for theirs, ours in SIZES.items()}
    return released_config(released_behaviour, **sizes), tuple(key.space for key in keys_of(taken, str(path)))


def write_aion(model: FoundationTransformer, directory: Path) -> None:
    """Write config.json, model.safetensors and the codecs of the tokenizers, so that the released code reads them.

    Raises:
        FoundationError: the directory exists, the disk is full, or the model has parts, spaces or tokenizers that
            AION-1 has not.
    """
    if directory.exists():
        raise FoundationError(f"{directory} exists. Give a new directory, so that nothing is lost.")
    _check_spaces(model.spaces)
    names = [s.name for s in model.spaces]
    tensors = {
        n: t.detach().cpu().contiguous() for n, t in to_released(model.state_dict(), model.config, model.spaces).items()
    }
    sizes = {theirs: _plain(getattr(model.config, ours)) for theirs, ours in SIZES.items()}
    with whole_directory(directory) as temporary:
        content = SAME | sizes | dict.fromkeys(DOMAINS, names)
        (temporary / CONFIG).write_text(json.dumps(content, indent=2, sort_keys=True))
        twins = _twins(model.spaces)
        save_file({n: t for n, t in tensors.items() if n not in twins}, temporary / WEIGHTS, metadata=twins)
        if (bundle := getattr(model, "tokenizers", None)) is not None:
            from foundation.interop.aion_codecs import write_codecs  # quantisers are imported only where needed

            write_codecs(bundle, temporary / CODECS)


def _twins(spaces: Sequence[Space]) -> dict[str, str]:
    """Names under which the file does not store what it stores under another: the vectors that both stacks share."""
    return {f"encoder_embeddings.{s.name}.mod_emb": f"decoder_embeddings.{s.name}.mod_emb" for s in spaces}


def _check_spaces(spaces: Sequence[Space]) -> None:
    keys = keys_of([s.name for s in spaces], "The model")
    wrong = [
        f"{s.name} ({s.kind}, {s.size} codes, {[a.count for a in s.axes]} tokens)"
        for s, key in zip(spaces, keys, strict=True)
        if (s.kind, s.size, [a.count for a in s.axes]) != ("discrete", key.size, [a.count for a in key.axes])
    ]
    if wrong:
        raise FoundationError(
            f"The spaces {', '.join(wrong)} are not AION-1's, which has for instance "
            f"{KEYS[wrong[0].split()[0]].size} codes for the first. Train on tokens of tokenizers of its sizes."
        )


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value
