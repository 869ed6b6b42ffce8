"""AnchoredModel: an AnchoredTransformer as users load and share it; its weights are stored under RNA-BAnG's names."""

import json
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import save_file

from foundation import __version__
from foundation.errors import FoundationError
from foundation.files import whole_directory
from foundation.interop.rnabang import from_released, to_released
from foundation.interop.tensors import read_tensors
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.model.stored import locate, stored_kind

FORMAT = 1  # of config.json; raise it when an older reader would misread the file
KIND = "anchored"  # tells config.json from those of other models


class AnchoredModel(AnchoredTransformer):
    """An AnchoredTransformer that can be stored. Arguments as there."""

    def save_pretrained(self, directory: str | Path) -> None:
        """Write config.json and model.safetensors, the latter in the layout of RNA-BAnG.

        Raises:
            FoundationError: the directory exists and holds no such model, or the disk is full.
        """
        path = Path(directory)
        if path.exists() and not is_anchored_model(path) and any(path.iterdir()):
            raise FoundationError(f"{path} exists and holds no anchored model. Give a new directory.")
        config = {"format": FORMAT, "kind": KIND, "foundation": __version__, "model": asdict(self.config)}
        tensors = to_released(self.state_dict(), self.config)
        with whole_directory(path) as temporary:
            (temporary / "config.json").write_text(json.dumps(config, indent=2) + "\n")
            flat = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}  # frequencies are shared
            save_file(flat, temporary / "model.safetensors", metadata={"format": "pt"})

    @classmethod
    def from_pretrained(cls, name: str | Path, device: str = "cpu") -> "AnchoredModel":
        """The model in a directory that `save_pretrained` wrote, or on the hub; for evaluation.

        Args:
            name: a directory, or a hub name such as "someone/model". A checkpoint of RNA-BAnG itself is converted
                once, with `foundation convert`.
            device: where to put the weights.

        Raises:
            FoundationError: nothing there, a file that is damaged or of another version, tensors missing or left over.
        """
        path = locate(name)
        if not is_anchored_model(path):
            raise FoundationError(
                f"{path} holds no anchored model but {stored_kind(path) or 'another'} one. "
                "Give what a training run or `foundation convert` wrote."
            )
        config = _read_config(path / "config.json")
        return from_released(read_tensors(path / "model.safetensors"), config, str(path), cls).to(device)


def is_anchored_model(path: Path) -> bool:
    """Whether `AnchoredModel.save_pretrained` wrote this directory."""
    return stored_kind(path) == KIND


def _read_config(path: Path) -> AnchoredConfig:
    stored = json.loads(path.read_text())
    if stored.get("format") != FORMAT:
        raise FoundationError(
            f"{path} has format {stored.get('format')}, this version reads {FORMAT}. Install the matching version."
        )
    try:
        return AnchoredConfig(**stored["model"])
    except (TypeError, KeyError) as error:
        raise FoundationError(f"{path} is damaged or edited wrongly ({error}). Export the model again.") from error
