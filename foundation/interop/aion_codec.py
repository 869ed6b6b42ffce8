"""Codec: one kind of AION-1's codecs, its config.json and its tensors, both ways."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from foundation.errors import FoundationError
from foundation.interop.aion_keys import Key
from foundation.tokenizers.stored import StoredTokenizer

Stored = dict[str, Any]  # the content of a config.json
Tensors = Mapping[str, Tensor]


def same(tensors: Tensors, config: object) -> dict[str, Tensor]:
    """The layout of codecs whose tensors have the released names already."""
    return dict(tensors)


@dataclass(frozen=True)
class Codec:
    """What differs between the kinds.

    Args:
        kind: the tokenizer.
        known: entries of config.json.
        config: our configuration, from config.json, the key and the released tensors.
        stored: config.json, from our configuration and the key.
        released: our tensors under released names.
        ours: released tensors, all of them there, under our names.
        optional: entries of config.json that may be left out; those of training say nothing here.
    """

    kind: type[StoredTokenizer]
    known: frozenset[str]
    config: Callable[[Stored, Key, Tensors], Any]
    stored: Callable[[Any, Key], Stored]
    released: Callable[[Tensors, Any], dict[str, Tensor]] = same
    ours: Callable[[Tensors, Any], dict[str, Tensor]] = same
    optional: frozenset[str] = frozenset()


def agree(key: Key, **pairs: tuple[object, object]) -> None:
    """Refuse a codec that is not AION-1's.

    Args:
        pairs: what it is called -> what was found, and what it has to be.

    Raises:
        FoundationError: naming all pairs that differ.
    """
    wrong = [f"{name} is {got!r} instead of {wanted!r}" for name, (got, wanted) in pairs.items() if got != wanted]
    if wrong:
        raise FoundationError(f"The codec of {key.name} is not AION-1's: {', '.join(wrong)}. Give a released one.")
