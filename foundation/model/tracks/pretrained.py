"""TrackModel: a TrackTransformer with its tokenizers, as users load, run and share it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from foundation.errors import FoundationError
from foundation.interop.mimic import config_of, from_released, spaces_of
from foundation.interop.tensors import read_tensors
from foundation.model.card import card
from foundation.model.network_files import WEIGHTS, read_config, sizes, write_network
from foundation.model.samples import TakesSamples, Tokenizers, stored_tokenizers
from foundation.model.stored import locate, released_tracks, stored_kind
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.transformer import TrackTransformer
from foundation.tokens import Space

KIND = "tracks"  # tells config.json from those of other models


class TrackModel(TakesSamples, TrackTransformer):
    """A model of summed tracks and the tokenizers it was trained with.

    Args:
        config: sizes.
        spaces: what tokens it takes and predicts.
        tokenizers: needed to encode records; tokens can be encoded without.

    Raises:
        FoundationError: a tokenizer makes other tokens than the space of its name takes.
    """

    def __init__(self, config: TrackConfig, spaces: Sequence[Space], tokenizers: Tokenizers | None = None) -> None:
        super().__init__(config, spaces)
        self.hold(tokenizers)

    def save_pretrained(self, directory: str | Path) -> None:
        """Write config.json, model.safetensors, README.md and tokenizers/.

        Raises:
            FoundationError: the directory exists and holds no such model, or the disk is full.
        """
        parts = {
            "model": asdict(self.config),
            "spaces": [asdict(s) for s in self.spaces],
            "tokenizers": self.tokenizers.fingerprint() if self.tokenizers else None,
        }
        readme = card("A model of summed tracks of biomolecules", KIND, self, asdict(self.config), self.spaces)
        write_network(Path(directory), KIND, "model of tracks", parts, self.state_dict(), readme)
        if self.tokenizers:
            self.tokenizers.save_pretrained(Path(directory) / "tokenizers")

    @classmethod
    def from_pretrained(cls, name: str | Path, device: str = "cpu") -> "TrackModel":
        """The model in a directory that `save_pretrained` wrote or in the layout of MIMIC, or on the hub.

        In evaluation mode. MIMIC's bins of digitised tracks are not in its checkpoint: its model takes tokens alone.

        Raises:
            FoundationError: nothing there, a file that is damaged or of another version, tensors missing or left over,
                or tokenizers other than those the model was trained with.
        """
        path = locate(name)
        if released_tracks(path):
            tensors = read_tensors(path / WEIGHTS)
            released = from_released(tensors, what=str(path))
            model = cls._empty(config_of(tensors), spaces_of(tensors), None)
            model.load_state_dict(released.state_dict(), assign=True)
            return model.to(device).eval()
        if stored_kind(path) != KIND:
            raise FoundationError(
                f"{path} holds no model of tracks but {stored_kind(path) or 'another'} one. "
                "Give what `foundation train` wrote for the system tracks, or MIMIC's directory."
            )
        config, spaces, fingerprint = read_config(path, _parts)
        model = cls._empty(config, spaces, stored_tokenizers(path, fingerprint))
        try:
            model.load_state_dict(read_tensors(path / WEIGHTS), assign=True)
        except RuntimeError as error:
            what = " ".join(str(error).split())[:300]
            raise FoundationError(f"{path} does not fit its config.json ({what}). Export the model again.") from error
        return model.to(device).eval()

    @classmethod
    def _empty(cls, config: TrackConfig, spaces: Sequence[Space], tokenizers: Tokenizers | None) -> "TrackModel":
        with torch.device("meta"):
            return cls(config, spaces, tokenizers)


def _parts(stored: dict[str, Any]) -> tuple[TrackConfig, list[Space], str | None]:
    spaces = [Space.restore(s) for s in stored["spaces"]]
    return TrackConfig(**sizes(stored["model"])), spaces, stored["tokenizers"]
