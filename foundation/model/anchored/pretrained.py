"""AnchoredModel: an AnchoredTransformer as users load and share it; its weights are stored under RNA-BAnG's names."""

from dataclasses import asdict
from pathlib import Path

from foundation.errors import FoundationError
from foundation.interop.rnabang import from_released, to_released
from foundation.interop.tensors import read_tensors
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.model.card import card
from foundation.model.network_files import WEIGHTS, read_config, write_network
from foundation.model.stored import locate, stored_kind

KIND = "anchored"  # tells config.json from those of other models


class AnchoredModel(AnchoredTransformer):
    """An AnchoredTransformer that can be stored. Arguments as there."""

    def save_pretrained(self, directory: str | Path) -> None:
        """Write config.json, README.md and model.safetensors, the latter in the layout of RNA-BAnG.

        Raises:
            FoundationError: the directory exists and holds no such model, or the disk is full.
        """
        tensors = to_released(self.state_dict(), self.config)
        apart = {name: tensor.clone() for name, tensor in tensors.items()}  # frequencies are shared
        sizes = asdict(self.config)
        readme = card("An anchored model of nucleic acids at a protein", KIND, self, sizes)
        write_network(Path(directory), KIND, "anchored model", {"model": sizes}, apart, readme)

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
        config = read_config(path, lambda stored: AnchoredConfig(**stored["model"]))
        return from_released(read_tensors(path / WEIGHTS), config, str(path), cls).to(device)


def is_anchored_model(path: Path) -> bool:
    """Whether `AnchoredModel.save_pretrained` wrote this directory."""
    return stored_kind(path) == KIND
