"""SymbolsTokenizer: one letter, codon or category, one token; three codes for what is no symbol come last."""

from collections.abc import Sequence as Several
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Int64

from foundation.data.biology.sequence import Sequence
from foundation.data.biology.track import UNKNOWN, Track
from foundation.data.records import Record
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.letters import checked, place_axis
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokens import Space, Tokens

Source = Literal["rna", "dna", "protein", "track"]
SPECIALS = ("padding", "masked", "unknown")  # the last three codes of every space, in this order (arXiv:2604.24506)
BLANK = {"rna": "N", "dna": "N", "protein": "X"}  # a letter that is not known


@dataclass(frozen=True)
class SymbolsConfig:
    """Which symbols.

    Args:
        symbols: all of one length for sequences, such as the letters or the codons; the place of each is its code.
        source: what is encoded and decoded: a Sequence of kind "rna", "dna" or "protein", or a "track" of categories.
        track: number of the group of modalities that are aligned with each other.
        longest: places of the longest record.
    """

    symbols: tuple[str, ...] = ("A", "C", "G", "U")
    source: Source = "rna"
    track: int = 1
    longest: int = 100_000

    def __post_init__(self) -> None:
        widths = {len(symbol) for symbol in self.symbols}
        if not self.symbols or len(set(self.symbols)) < len(self.symbols) or (self.of_letters and len(widths) > 1):
            raise TokenizerError(
                f"{len(self.symbols)} symbols of lengths {sorted(widths)}. Give each once, of a sequence all of one."
            )
        if self.source not in get_args(Source) or self.longest < 1 or self.track < 0:
            raise TokenizerError(
                f"symbols of a {self.source!r} of {self.longest} places in track {self.track}. "
                f"Give one of {', '.join(get_args(Source))}, 1 place or more, and a track from 0 on."
            )

    @property
    def of_letters(self) -> bool:
        """Whether symbols are pieces of a sequence."""
        return self.source != "track"

    @property
    def width(self) -> int:
        """Letters of a symbol."""
        return len(self.symbols[0]) if self.of_letters else 1


class SymbolsTokenizer(StoredTokenizer):
    """Code of each symbol at its place, counted from 0, in the track of its group.

    What is no symbol, such as an ambiguity code or a missing category, has the last code, and is decoded as N, X or
    missing; so are the codes of padding and of masked places.
    """

    kind = "symbols"
    config_class = SymbolsConfig

    def __init__(self, config: SymbolsConfig, name: str) -> None:
        super().__init__(config, name)
        self.space = Space(name, "discrete", len(config.symbols) + len(SPECIALS), (place_axis(config.longest),))
        self.unknown = self.space.size - 1
        order = np.argsort(np.array(config.symbols), kind="stable")
        self._order, self._sorted = order, np.array(config.symbols, f"S{config.width}")[order]

    def encode(self, records: Several[Record]) -> list[Tokens]:
        """A token a symbol.

        Raises:
            TokenizerError: a record of another kind, a category that is no symbol, too many places, or letters that
                are no whole number of symbols.
        """
        return [self._tokens(self._codes(record)) for record in records]

    def decode(self, tokens: Several[Tokens]) -> list[Record]:
        """The record of each token set, in order of position."""
        return [self._decode(self._check_tokens(t).ids.numpy()) for t in tokens]

    def _tokens(self, codes: Int64[np.ndarray, "n"]) -> Tokens:
        place = torch.arange(len(codes), dtype=torch.float64)[:, None]
        return Tokens.of_space(self.space, torch.from_numpy(codes), place, self.config.track)

    def _codes(self, record: Record) -> Int64[np.ndarray, "n"]:
        if not self.config.of_letters:
            return self._of_categories(record)
        width = self.config.width
        letters = checked(record, self.config.source, width * self.config.longest, self.name).letters  # type: ignore[arg-type]
        if len(letters) % width:
            raise TokenizerError(f"{self.name}: {len(letters)} letters, symbols have {width}. Give whole ones.")
        pieces = np.frombuffer(letters.encode(), f"S{width}")
        near = np.minimum(np.searchsorted(self._sorted, pieces), len(self._sorted) - 1)
        return np.where(self._sorted[near] == pieces, self._order[near], self.unknown)

    def _of_categories(self, record: Record) -> Int64[np.ndarray, "n"]:
        track = checked_track(record, self.config.longest, self.name)
        if odd := [name for name in track.categories if name not in self.config.symbols]:
            raise TokenizerError(
                f"{self.name}: the category {odd[0]!r} is none of {', '.join(self.config.symbols)}. Give one of these."
            )
        if not track.categories:
            raise TokenizerError(f"{self.name}: got numbers, this tokenizer takes a Track of categories.")
        codes = [self.config.symbols.index(name) for name in track.categories]
        return np.array([*codes, self.unknown])[track.values]  # UNKNOWN is the last

    def _decode(self, codes: Int64[np.ndarray, "n"]) -> Record:
        symbols = self.config.symbols
        if not self.config.of_letters:
            return Track(np.where(codes < len(symbols), codes, UNKNOWN), symbols)
        blank = BLANK[self.config.source] * self.config.width
        spelled = [*symbols, *[blank] * len(SPECIALS)]
        return Sequence("".join(spelled[code] for code in codes.tolist()), self.config.source)  # type: ignore[arg-type]


def checked_track(record: Record, longest: int, name: str) -> Track:
    """The record as a track.

    Raises:
        TokenizerError: no Track, or too long.
    """
    if not isinstance(record, Track):
        raise TokenizerError(f"{name}: got a {type(record).__name__}, this tokenizer takes a Track.")
    if len(record) > longest:
        raise TokenizerError(f"{name}: a track of {len(record)} places, {longest} at most. Cut it, or raise `longest`.")
    return record
