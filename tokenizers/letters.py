"""LettersTokenizer: one nucleotide or one amino acid, one token; ambiguity codes are codes of their own."""

from collections.abc import Sequence as Several
from dataclasses import dataclass

import numpy as np
import torch

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.sequence import AMBIGUOUS, KINDS, NUCLEOTIDES, Kind, Sequence
from foundation.data.records import Record
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokens import Axis, Space, Tokens

ALPHABETS: dict[Kind, str] = {  # the place of a letter is its code
    "rna": NUCLEOTIDES["rna"] + "".join(AMBIGUOUS),
    "dna": NUCLEOTIDES["dna"] + "".join(AMBIGUOUS),
    "protein": AMINO_ACIDS + "XBZJUO*",
}


@dataclass(frozen=True)
class LettersConfig:
    """Which letters.

    Args:
        kind: what is decoded: "rna", "dna" or "protein". RNA and DNA have the same codes, A C G U/T = 0 to 3, so either
            is encoded; of proteins, codes 0 to 19 are the standard residues and 20 is X.
        longest: letters of the longest sequence, which sets the range of positions.
    """

    kind: Kind = "rna"
    longest: int = 100_000

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.longest < 1:
            raise TokenizerError(
                f"letters of kind {self.kind!r}, {self.longest} at most. Give one of {', '.join(KINDS)}, and 1 or more."
            )


class LettersTokenizer(StoredTokenizer):
    """Code of each letter; position is its place from 0. Names, qualities and features are not kept."""

    kind = "letters"
    config_class = LettersConfig

    def __init__(self, config: LettersConfig, name: str) -> None:
        super().__init__(config, name)
        self.alphabet = ALPHABETS[config.kind]
        self.space = Space(name, "discrete", len(self.alphabet), (place_axis(config.longest),))
        self._codes = np.full(128, -1, np.int64)
        self._codes[list(self.alphabet.encode())] = np.arange(len(self.alphabet))

    def encode(self, records: Several[Record]) -> list[Tokens]:
        """A token a letter.

        Raises:
            TokenizerError: no Sequence, of another kind, or longer than `longest`.
        """
        return [self._encode(checked(record, self.config.kind, self.config.longest, self.name)) for record in records]

    def decode(self, tokens: Several[Tokens]) -> list[Record]:
        """The sequence of each token set, in order of position."""
        ordered = map(self._check_tokens, tokens)
        return [Sequence("".join(self.alphabet[i] for i in t.ids.tolist()), self.config.kind) for t in ordered]

    def _encode(self, sequence: Sequence) -> Tokens:
        codes = self._codes[np.frombuffer(sequence.letters.encode(), np.uint8)]
        place = torch.arange(len(codes), dtype=torch.float64)[:, None]
        return Tokens.of_space(self.space, torch.from_numpy(codes), place)


def place_axis(longest: int, step: int = 1) -> Axis:
    """Places of letters, counted from 0."""
    return Axis("place", "letter", 0, longest - 1, step)


def checked(record: Record, kind: Kind, longest: int, name: str) -> Sequence:
    """The record as a sequence of this kind; RNA and DNA become each other.

    Raises:
        TokenizerError: no Sequence, a protein where a nucleic acid is wanted or the reverse, or too long.
    """
    if not isinstance(record, Sequence):
        raise TokenizerError(f"{name}: got a {type(record).__name__}, this tokenizer takes a Sequence.")
    if (record.kind == "protein") != (kind == "protein"):
        raise TokenizerError(f"{name}: got a sequence of kind {record.kind!r}, this tokenizer takes {kind!r}.")
    if len(record) > longest:
        raise TokenizerError(
            f"{name}: a sequence of {len(record)} letters, {longest} at most. Cut it, or raise `longest`."
        )
    return record if record.kind == kind or kind == "protein" else record.transcribed(kind)
