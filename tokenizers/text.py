"""TextTokenizer: pieces of words, with a vocabulary that was learned from texts; three codes for no piece come last."""

from collections.abc import Iterable
from collections.abc import Sequence as Several
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from foundation.data.records import Record
from foundation.data.text import Text
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.letters import place_axis
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokenizers.track_symbols import SPECIALS
from foundation.tokens import Space, Tokens

INSIDE = "##"  # begins a piece that goes on with a word
UNKNOWN = "[UNK]"


@dataclass(frozen=True)
class TextConfig:
    """Which pieces.

    Args:
        pieces: of words; the place of each is its code. Those that go on with a word begin with "##", as in WordPiece.
        track: number of the group of modalities that are aligned with each other; text has one of its own.
        longest: pieces of the longest text.
    """

    pieces: tuple[str, ...] = ("a", "##a")
    track: int = 7
    longest: int = 4096

    def __post_init__(self) -> None:
        if not self.pieces or len(set(self.pieces)) < len(self.pieces) or self.longest < 1 or self.track < 0:
            raise TokenizerError(
                f"{len(self.pieces)} pieces, {self.longest} at most in a text of track {self.track}. "
                "Give each piece once, 1 or more in a text, and a track from 0 on."
            )


class TextTokenizer(StoredTokenizer):
    """Greedy WordPiece codes, cased, punctuation apart; a word of letters that no piece has gets the last code."""

    kind = "text"
    config_class = TextConfig

    def __init__(self, config: TextConfig, name: str) -> None:
        super().__init__(config, name)
        self.space = Space(name, "discrete", len(config.pieces) + len(SPECIALS), (place_axis(config.longest),))
        self.unknown = self.space.size - 1

    def encode(self, records: Several[Record]) -> list[Tokens]:
        """A token a piece, places counted from 0.

        Raises:
            TokenizerError: no Text, or too long a one.
        """
        return [self._encode(record) for record in records]

    def decode(self, tokens: Several[Tokens]) -> list[Record]:
        """The words; blanks around punctuation are not known."""
        return [Text(self._words(self._check_tokens(t).ids.tolist()) or UNKNOWN) for t in tokens]

    def _encode(self, record: Record) -> Tokens:
        if not isinstance(record, Text):
            raise TokenizerError(f"{self.name}: got a {type(record).__name__}, this tokenizer takes a Text.")
        ids = self._library.encode(record.words).ids
        if len(ids) > self.config.longest:
            raise TokenizerError(
                f"{self.name}: a text of {len(ids)} pieces, {self.config.longest} at most. Cut it, or raise `longest`."
            )
        place = torch.arange(len(ids), dtype=torch.float64)[:, None]
        return Tokens.of_space(self.space, torch.tensor(ids, dtype=torch.long), place, self.config.track)

    def _words(self, ids: list[int]) -> str:
        pieces = [self.config.pieces[i] if i < len(self.config.pieces) else UNKNOWN for i in ids]
        return " ".join(pieces).replace(f" {INSIDE}", "").removeprefix(INSIDE)

    @cached_property
    def _library(self) -> Any:  # noqa: ANN401 - a tokenizers.Tokenizer
        from tokenizers import models

        table = {piece: code for code, piece in enumerate(self.config.pieces)} | {UNKNOWN: self.unknown}
        return _split(models.WordPiece(table, unk_token=UNKNOWN, max_input_chars_per_word=200))


def learned_pieces(texts: Iterable[str], size: int) -> tuple[str, ...]:
    """The pieces of a WordPiece vocabulary of at most so many, learned from texts; sorted.

    All letters are pieces, at the beginning of a word and within. They are named to the library beforehand: it numbers
    those that it finds in an order that differs from run to run, and breaks ties by these numbers.

    Raises:
        TokenizerError: no text, or a size that cannot hold the letters.
    """
    from tokenizers import models, trainers

    library, texts = _split(models.WordPiece(unk_token=UNKNOWN)), list(texts)
    letters = sorted({letter for text in texts for letter in library.normalizer.normalize_str(text) if letter.strip()})
    first = [*letters, *(INSIDE + letter for letter in letters)]
    trainer = trainers.WordPieceTrainer(vocab_size=size, show_progress=False, special_tokens=first)
    library.train_from_iterator(texts, trainer)
    pieces = tuple(sorted(library.get_vocab()))
    if not pieces or len(pieces) > size:
        raise TokenizerError(f"{len(pieces)} pieces of words at least, asked for {size}. Give texts, and more pieces.")
    return pieces


def _split(model: Any) -> Any:  # noqa: ANN401 - a tokenizers.Tokenizer
    """Words and punctuation apart, nothing else changed."""
    from tokenizers import Tokenizer, normalizers, pre_tokenizers

    library = Tokenizer(model)
    library.normalizer = normalizers.NFC()
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return library
