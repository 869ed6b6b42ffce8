"""CodonsTokenizer: three nucleotides, one token; what is no whole or no certain codon has codes of its own."""

from collections.abc import Sequence as Several
from dataclasses import dataclass

import torch

from foundation.data.biology.genetic_code import CODONS, residues
from foundation.data.biology.sequence import Kind, Sequence
from foundation.data.records import Record
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.letters import checked, place_axis
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokens import Space, Tokens

UNCERTAIN = len(CODONS)  # a codon with an ambiguity code, decoded as NNN
ONE, TWO = UNCERTAIN + 1, UNCERTAIN + 2  # one or two letters after the last whole codon, decoded as N or NN


@dataclass(frozen=True)
class CodonsConfig:
    """How nucleotides are read.

    Args:
        kind: what is decoded, "rna" or "dna"; either is encoded.
        table: NCBI's number of the genetic code, used by `translate` alone.
        longest: letters of the longest sequence, which sets the range of positions.
    """

    kind: Kind = "rna"
    table: int = 1
    longest: int = 100_000

    def __post_init__(self) -> None:
        if self.kind == "protein" or self.longest < 1:
            raise TokenizerError(
                f"codons of kind {self.kind!r}, {self.longest} letters at most. Give 'rna' or 'dna', and 1 or more."
            )


class CodonsTokenizer(StoredTokenizer):
    """Codes of the codons from the first letter on; position is the place of a codon's first letter.

    Ambiguous letters and letters after the last whole codon are decoded as N: their number is kept, not what they were.
    """

    kind = "codons"
    config_class = CodonsConfig

    def __init__(self, config: CodonsConfig, name: str) -> None:
        super().__init__(config, name)
        self.space = Space(name, "discrete", TWO + 1, (place_axis(config.longest, step=3),))
        rna = {codon: code for code, codon in enumerate(CODONS)}
        self._codes = rna | {codon.replace("U", "T"): code for codon, code in rna.items()}
        spelled = [*CODONS, "NNN", "N", "NN"]
        self._spelled = spelled if config.kind == "rna" else [codon.replace("U", "T") for codon in spelled]

    def encode(self, records: Several[Record]) -> list[Tokens]:
        """A token a codon.

        Raises:
            TokenizerError: no Sequence, a protein, or longer than `longest`.
        """
        return [self._encode(checked(r, self.config.kind, self.config.longest, self.name).letters) for r in records]

    def decode(self, tokens: Several[Tokens]) -> list[Record]:
        """The nucleotides of each token set, in order of position."""
        return [
            Sequence("".join(self._spelled[i] for i in self._check_tokens(t).ids.tolist()), self.config.kind)
            for t in tokens
        ]

    def translate(self, tokens: Several[Tokens]) -> list[Sequence]:
        """The protein of each token set by the genetic code of `table`: stops as `*`, uncertain codons as X.

        Codons that a code reads as either a residue or a stop are the residue, as in biopython. Letters after the last
        whole codon are left out.

        Raises:
            FoundationError: there is no such table.
            TokenizerError: not one whole codon.
        """
        letters = residues(self.config.table) + "X"
        whole = [t.ids[t.ids <= UNCERTAIN].tolist() for t in map(self._check_tokens, tokens)]
        if not all(whole):
            raise TokenizerError(f"{self.name}: a sequence without one whole codon. Give three letters or more.")
        return [Sequence("".join(letters[i] for i in ids), "protein") for ids in whole]

    def _encode(self, letters: str) -> Tokens:
        codes = [self._code(letters[i : i + 3]) for i in range(0, len(letters), 3)]
        place = 3 * torch.arange(len(codes), dtype=torch.float64)[:, None]
        return Tokens.of_space(self.space, torch.tensor(codes), place)

    def _code(self, codon: str) -> int:
        return self._codes.get(codon, UNCERTAIN) if len(codon) == 3 else UNCERTAIN + len(codon)
