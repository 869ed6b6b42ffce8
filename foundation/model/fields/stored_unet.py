"""FieldUNet: a UNet as users load and share it, and the reader of any stored field network."""

from pathlib import Path

import torch

from foundation.errors import FoundationError
from foundation.interop.layout import check_tensors
from foundation.interop.tensors import read_tensors
from foundation.model.fields.pretrained import FieldModel
from foundation.model.fields.stored import read_fields, write_fields
from foundation.model.fields.unet import UNet
from foundation.model.fields.unet_config import UNetConfig
from foundation.model.network_files import WEIGHTS
from foundation.model.stored import locate, stored_kind

KIND = "fields unet"  # in config.json


class FieldUNet(UNet):
    """A UNet that can be stored. Arguments as there."""

    def save_pretrained(self, directory: str | Path) -> None:
        """Write config.json, model.safetensors and README.md.

        Raises:
            FoundationError: the directory exists and holds no U-Net, or the disk is full.
        """
        write_fields(Path(directory), KIND, self, self.state_dict())

    @classmethod
    def from_pretrained(cls, name: str | Path, device: str = "cpu") -> "FieldUNet":
        """The U-Net in a directory that `save_pretrained` wrote, or on the hub; for evaluation.

        Raises:
            FoundationError: nothing there, a file that is damaged or of another version, tensors missing or left over.
        """
        path = locate(name)
        if stored_kind(path) != KIND:
            raise FoundationError(f"{path} holds no U-Net. Give what `foundation fields train` exported of one.")
        config, fields = read_fields(path, UNetConfig)
        with torch.device("meta"):
            model = cls(config, fields)
        tensors = read_tensors(path / WEIGHTS)
        check_tensors(tensors, {name: tensor.shape for name, tensor in model.state_dict().items()}, str(path))
        model.load_state_dict(tensors, strict=True, assign=True)
        return model.requires_grad_(True).to(device).eval()


def load_network(name: str | Path) -> FieldModel | FieldUNet:
    """A stored field model of either kind, or a file of weights in Walrus's layout.

    Raises:
        FoundationError: as FieldModel.from_pretrained.
    """
    directory = Path(name)
    is_unet = not directory.is_file() and stored_kind(locate(name)) == KIND
    return FieldUNet.from_pretrained(name) if is_unet else FieldModel.from_pretrained(name)
