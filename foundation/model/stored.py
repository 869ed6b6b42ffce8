"""The files of a stored model: config.json, model.safetensors and a card."""

import json
import re
from dataclasses import asdict
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from foundation import __version__
from foundation.config import ModelConfig
from foundation.errors import FoundationError
from foundation.model.card import card
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Space

FORMAT = 1  # of config.json; raise it when an older reader would misread the file
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def locate(name: str | Path, **options: object) -> Path:
    """The directory called so, or the local copy of the hub repository of that name; options are the download's.

    Raises:
        FoundationError: there is neither.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise FoundationError(f"{path} is a file. Give the exported directory; `foundation export {path}` makes one.")
    if not (isinstance(name, str) and HUB_NAME.fullmatch(name)) or path.parent.exists():
        raise FoundationError(f"{path}: no such directory. Give one that training or `foundation export` wrote.")
    try:
        patterns = ["config.json", "model.safetensors", "training.yaml", "tokenizers/*", "codecs/*"]
        return Path(snapshot_download(str(name), allow_patterns=patterns, **options))  # type: ignore[arg-type]
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise FoundationError(
            f"{name}: no such directory, and the hub did not give it ({type(error).__name__}). "
            "Check the name and the network, or give an exported directory."
        ) from error


def stored_kind(path: Path) -> str | None:
    """What config.json in this directory calls its kind of model; None without such a file or word."""
    config = path / "config.json"
    try:
        return json.loads(config.read_text()).get("kind") if config.is_file() else None
    except (ValueError, AttributeError):
        return None


def released_tracks(path: Path) -> bool:
    """Whether config.json in this directory is that of a MIMIC release, which lists its modalities as domains."""
    try:
        return "in_domains" in json.loads((path / "config.json").read_text())
    except (OSError, ValueError, TypeError):
        return False


def write_model(model: FoundationTransformer, tokenizers: str | None, directory: Path) -> None:
    """Write the three files; `tokenizers` is the fingerprint of those the model was trained with."""
    config = {
        "format": FORMAT,
        "foundation": __version__,
        "model": asdict(model.config),
        "spaces": [asdict(s) for s in model.spaces],
        "tokenizers": tokenizers,
    }
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    title = f"A foundation model over {', '.join(s.name for s in model.spaces)}"
    readme = card(title, "masked-modelling", model, asdict(model.config), model.spaces)
    (directory / "README.md").write_text(readme)


def read_model(directory: Path) -> tuple[ModelConfig, tuple[Space, ...], str | None]:
    """Configuration, spaces and tokenizer fingerprint (None = without tokenizers) of config.json.

    Raises:
        FoundationError: the file is missing, of another format version, or not what `write_model` wrote.
    """
    path = directory / "config.json"
    if not path.is_file():
        raise FoundationError(f"{path} is missing. Give a directory that training or `foundation export` wrote.")
    try:
        stored = json.loads(path.read_text())
        found = stored.get("format")
        if found == FORMAT:
            return (
                ModelConfig(**stored["model"]),
                tuple(Space.restore(s) for s in stored["spaces"]),
                stored["tokenizers"],
            )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FoundationError(f"{path} is damaged or edited wrongly ({error}). Export the model again.") from error
    raise FoundationError(f"{path} has format {found}, this version reads {FORMAT}. Install the matching version.")


def read_weights(model: FoundationTransformer, directory: Path) -> None:
    """Load model.safetensors into `model`: every tensor, and none left over.

    Raises:
        FoundationError: the file is missing or damaged, or its tensors are not the model's.
    """
    path = directory / "model.safetensors"
    if not path.is_file():
        raise FoundationError(f"{path} is missing. Copy the whole directory, or export the model again.")
    try:
        model.load_state_dict(load_file(path), strict=True)
    except SafetensorError as error:
        raise FoundationError(f"{path} is damaged ({error}). Copy it again, or export the model again.") from error
    except RuntimeError as error:
        what = " ".join(str(error).split())[:300]
        raise FoundationError(f"{path} does not fit config.json beside it ({what}). Export the model again.") from error
