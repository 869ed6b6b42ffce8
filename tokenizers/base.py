"""Tokenizer: record <-> tokens, and what every tokenizer promises.

Deterministic in use; the record is not modified; positions are finite; ids lie below `space.size`; `decode(encode(x))`
has the type and the shape of `x`; `save_pretrained` then `from_pretrained` gives the same codes. One contract test
(tests/tokenizers/test_contract.py) holds all tokenizers to this.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from foundation.data.records import Record
from foundation.errors import FoundationError
from foundation.tokens import Space, Tokens


class Tokenizer(ABC):
    """Turns records of one modality into tokens of one space and back."""

    space: Space

    @abstractmethod
    def encode(self, records: Sequence[Record]) -> list[Tokens]:
        """The tokens of each record; a batch at a time, because learned tokenizers are fast only so.

        Raises:
            TokenizerError: a record this tokenizer cannot take (wrong type, unknown band, no usable pixel).
        """

    @abstractmethod
    def decode(self, tokens: Sequence[Tokens]) -> list[Record]:
        """The record that each token set stands for."""

    @abstractmethod
    def save_pretrained(self, path: Path) -> None:
        """Write config.json and, if anything was learned or fitted, model.safetensors into the directory `path`."""

    @classmethod
    @abstractmethod
    def from_pretrained(cls, path: Path) -> "Tokenizer":
        """Read what `save_pretrained` wrote; missing or extra tensors are errors."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Twelve hex digits of the hash of configuration and weights: equal codes mean equal things if these agree."""


class TokenizerError(FoundationError):
    """A record that a tokenizer cannot take, or a tokenizer file that does not fit."""
