"""FieldModel: a FieldTransformer as users load, run and share it; its weights are stored under Walrus's names."""

from collections.abc import Sequence
from pathlib import Path

from foundation.interop.tensors import read_tensors
from foundation.interop.walrus import from_released, to_released
from foundation.interop.walrus_files import read_walrus
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.stored import read_fields, write_fields
from foundation.model.fields.transformer import FieldTransformer
from foundation.model.network_files import WEIGHTS
from foundation.model.stored import locate, stored_kind

KIND = "fields"  # in config.json


class FieldModel(FieldTransformer):
    """A FieldTransformer that can be stored. Arguments as there."""

    def save_pretrained(self, directory: str | Path) -> None:
        """Write config.json, README.md and model.safetensors, the latter in the layout of Walrus.

        Raises:
            FoundationError: the directory exists and holds no field model, or the disk is full.
        """
        tensors = to_released(self.state_dict(), self.config)
        write_fields(Path(directory), KIND, self, tensors)

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
            config, fields = read_fields(path, FieldModelConfig)
            model = from_released(read_tensors(path / WEIGHTS), config, fields, str(path), cls)
        else:
            model = read_walrus(path, names, cls)
        return model.to(device)


def is_field_model(path: Path) -> bool:
    """Whether `FieldModel.save_pretrained` wrote this directory."""
    return stored_kind(path) == KIND
