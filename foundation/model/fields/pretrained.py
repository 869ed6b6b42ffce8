"""FieldModel: a FieldTransformer as users load, run and share it; its weights are stored under Walrus's names."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from foundation import __version__
from foundation.errors import FoundationError
from foundation.files import whole_directory
from foundation.interop.tensors import read_tensors
from foundation.interop.walrus import from_released, to_released
from foundation.interop.walrus_files import read_walrus
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.transformer import FieldTransformer
from foundation.model.stored import locate, stored_kind

FORMAT = 1  # of config.json; raise it when an older reader would misread the file
KIND = "fields"  # tells config.json from that of a FoundationModel


class FieldModel(FieldTransformer):
    """A FieldTransformer that can be stored. Arguments as there."""

    def save_pretrained(self, directory: str | Path) -> None:
        """Write config.json and model.safetensors, the latter in the layout of Walrus.

        Raises:
            FoundationError: the directory exists and holds no field model, or the disk is full.
        """
        path = Path(directory)
        if path.exists() and not is_field_model(path) and any(path.iterdir()):
            raise FoundationError(f"{path} exists and holds no field model. Give a new directory.")
        config = {
            "format": FORMAT,
            "kind": KIND,
            "foundation": __version__,
            "model": asdict(self.config),
            "names": self.names,
        }
        tensors = to_released(self.state_dict(), self.config)
        with whole_directory(path) as temporary:
            (temporary / "config.json").write_text(json.dumps(config, indent=2) + "\n")
            flat = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
            save_file(flat, temporary / "model.safetensors", metadata={"format": "pt"})

    @classmethod
    def from_pretrained(cls, name: str | Path, names: Sequence[str] | None = None, device: str = "cpu") -> "FieldModel":
        """The model in a directory that `save_pretrained` wrote, on the hub, or in files of Walrus; for evaluation.

        Args:
            name: a directory, a hub name such as "someone/model", or a file of weights in Walrus's layout.
            names: of the fields of a file in Walrus's layout whose table of fields is not beside it.
            device: where to put the weights.

        Raises:
            FoundationError: nothing there, a file that is damaged or of another version, tensors missing or left over.
        """
        path = Path(name) if Path(name).is_file() else locate(name)
        if is_field_model(path):
            config, fields = _read_config(path / "config.json")
            model = from_released(read_tensors(path / "model.safetensors"), config, fields, str(path), cls)
        else:
            model = read_walrus(path, names, cls)
        return model.to(device)


def is_field_model(path: Path) -> bool:
    """Whether `FieldModel.save_pretrained` wrote this directory."""
    return stored_kind(path) == KIND


def _read_config(path: Path) -> tuple[FieldModelConfig, tuple[str, ...]]:
    stored = json.loads(path.read_text())
    if stored.get("format") != FORMAT:
        raise FoundationError(
            f"{path} has format {stored.get('format')}, this version reads {FORMAT}. Install the matching version."
        )
    try:
        sizes: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored["model"].items()}
        return FieldModelConfig(**sizes), tuple(stored["names"])
    except (TypeError, KeyError, AttributeError) as error:
        raise FoundationError(f"{path} is damaged or edited wrongly ({error}). Export the model again.") from error
