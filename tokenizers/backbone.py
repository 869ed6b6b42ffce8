"""BackboneTokenizer: one residue's frame, one token of twelve numbers."""

from collections.abc import Sequence as Several
from dataclasses import dataclass

import numpy as np
import torch

from foundation.data.biology.frames import backbone_of
from foundation.data.biology.protein import protein_frames
from foundation.data.biology.single import single_protein
from foundation.data.biology.structure import BACKBONE, Structure
from foundation.data.records import Record
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokens import Axis, Space, Tokens

NUMBERS = 12  # nine of the rotation, row by row, and three of the translation


@dataclass(frozen=True)
class BackboneConfig:
    """How long a protein may be.

    Args:
        longest: places of the longest protein, all chains and missing residues counted.
    """

    longest: int = 100_000

    def __post_init__(self) -> None:
        if self.longest < 1:
            raise TokenizerError(f"backbones of at most {self.longest} residues. Give 1 or more.")


class BackboneTokenizer(StoredTokenizer):
    """Rotation and translation of each residue with N, CA and C, centred, in units of 10 Å.

    Tokens of residues relate to each other alike however the molecule lies; the numbers themselves turn with it.
    Decoding gives one chain of N, CA and C: `foundation.data.biology.frames.backbone_of` says what is exact. Kinds of
    residues, other atoms and what the chains are called are not kept.
    """

    kind = "backbone"
    config_class = BackboneConfig

    def __init__(self, config: BackboneConfig, name: str) -> None:
        super().__init__(config, name)
        self.space = Space(name, "continuous", NUMBERS, (Axis("place", "residue", 0, config.longest - 1, 1),))

    def encode(self, records: Several[Record]) -> list[Tokens]:
        """A token for each protein residue with a whole backbone; position is its place along the chain.

        Raises:
            TokenizerError: no Structure, or one that is too long.
            FoundationError: no such residue.
        """
        return [self._encode(record) for record in records]

    def decode(self, tokens: Several[Tokens]) -> list[Record]:
        """A structure of N, CA and C of each token set, its residues unknown (UNK), numbered by place from 1."""
        return [self._decode(t) for t in tokens]

    def accepts(self, record: Record) -> bool:
        """Whether any residue has a whole backbone."""
        return isinstance(record, Structure) and bool(record.backbone[1].any())

    def _encode(self, record: Record) -> Tokens:
        if not isinstance(record, Structure):
            raise TokenizerError(f"{self.name}: got a {type(record).__name__}, this tokenizer takes a Structure.")
        _, rotation, translation, index, _ = protein_frames(record)
        if index[-1] >= self.config.longest:
            raise TokenizerError(
                f"{self.name}: a protein of {index[-1] + 1} places, {self.config.longest} at most. "
                "Select one chain, or raise `longest`."
            )
        numbers = np.concatenate([rotation.reshape(-1, 9), translation], 1)
        place = torch.from_numpy(index)[:, None].double()
        return Tokens.of_space(self.space, torch.from_numpy(numbers), place)

    def _decode(self, tokens: Tokens) -> Structure:
        order = torch.argsort(tokens.position[:, 0], stable=True)
        numbers = tokens.vectors[self.name][tokens.ids[order]].numpy()
        backbone = backbone_of(numbers[:, :9].reshape(-1, 3, 3), numbers[:, 9:])
        number = tokens.position[order, 0].long().numpy() + 1
        return single_protein(backbone, BACKBONE, "X" * len(number), number)
