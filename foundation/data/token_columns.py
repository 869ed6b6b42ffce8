"""Token columns: a chunk of tokenised samples as a few flat arrays, in the smallest integer types, and back.

Positions repeat (every image has the same patch grid), so a chunk stores each distinct position once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from foundation.data.manifest import ShardError
from foundation.tokens import AXES, Space, Tokens


@dataclass(frozen=True, eq=False)
class TokenSample:
    """One tokenised object: its key, its tokens, and the labels that the model never sees."""

    key: str
    tokens: Tokens
    labels: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens)


def encode_tokens(samples: Sequence[TokenSample], spaces: tuple[Space, ...]) -> tuple[dict[str, np.ndarray], dict]:
    """Samples as arrays and JSON-able text, with space indices into `spaces`.

    Raises:
        ShardError: a space that is not among `spaces`, or a code outside its space.
    """
    tokens = [s.tokens for s in samples]
    legends = {t.spaces: _to_legend(t.spaces, spaces) for t in tokens}
    space = np.concatenate([legends[t.spaces][t.space.numpy()] for t in tokens])
    ids = np.concatenate([t.ids.numpy() for t in tokens])
    _check_codes(ids, space, spaces)
    distinct, index = _distinct_rows(np.concatenate([t.position.numpy() for t in tokens]))
    arrays = {
        "offsets": np.cumsum([0, *map(len, tokens)]),
        "ids": _smallest(ids),
        "space": _smallest(space),
        "track": _smallest(np.concatenate([t.track.numpy() for t in tokens])),
        "position": distinct,
        "position.index": _smallest(index),
    }
    for name in (s.name for s in spaces if not s.discrete):
        rows = [t.vectors[name].numpy() for t in tokens if name in t.vectors]
        if rows:
            arrays[f"vectors.{name}"] = np.concatenate(rows)
            arrays[f"vectors.{name}.offsets"] = np.cumsum([0, *(len(t.vectors.get(name, ())) for t in tokens)])
    return arrays, {"keys": [s.key for s in samples], "labels": [dict(s.labels) for s in samples]}


def decode_tokens(
    arrays: Mapping[str, np.ndarray], text: Mapping[str, Any], stored: tuple[Space, ...], wanted: tuple[Space, ...]
) -> list[TokenSample]:
    """What `encode_tokens` was given, less the tokens of spaces that are stored but not wanted."""
    space = arrays["space"].astype(np.int64)
    ids = arrays["ids"].astype(np.int64)
    track = arrays["track"].astype(np.int64)
    row = arrays["position.index"].astype(np.int64)
    offsets = arrays["offsets"]
    if wanted != stored:
        to_wanted = np.array([wanted.index(s) if s in wanted else -1 for s in stored])
        space = to_wanted[space]
        keep = space >= 0
        offsets = np.concatenate([[0], np.cumsum(keep)])[offsets]
        space, ids, track, row = space[keep], ids[keep], track[keep], row[keep]
    lengths = np.diff(offsets).tolist()
    columns = [torch.from_numpy(c).split(lengths) for c in (ids, space, arrays["position"][row], track)]
    vectors = _split_vectors(arrays, wanted, len(lengths))
    tokens = (Tokens(wanted, *parts) for parts in zip(*columns, vectors, strict=True))
    return [TokenSample(*parts) for parts in zip(text["keys"], tokens, text["labels"], strict=True)]


def _split_vectors(
    arrays: Mapping[str, np.ndarray], wanted: tuple[Space, ...], n: int
) -> list[dict[str, torch.Tensor]]:
    vectors: list[dict[str, torch.Tensor]] = [{} for _ in range(n)]
    for name in (s.name for s in wanted if not s.discrete and f"vectors.{s.name}" in arrays):
        lengths = np.diff(arrays[f"vectors.{name}.offsets"]).tolist()
        for own, rows in zip(vectors, torch.from_numpy(arrays[f"vectors.{name}"]).split(lengths), strict=True):
            if len(rows):
                own[name] = rows
    return vectors


def _to_legend(own: tuple[Space, ...], spaces: tuple[Space, ...]) -> np.ndarray:
    strange = [s.name for s in own if s not in spaces]
    if strange:
        known = ", ".join(s.name for s in spaces)
        raise ShardError(
            f"Tokens have the spaces {', '.join(strange)}, the data set was opened for {known}. "
            "Give `spaces` of all tokenizers in use."
        )
    return np.array([spaces.index(s) for s in own], np.int64)


def _check_codes(ids: np.ndarray, space: np.ndarray, spaces: tuple[Space, ...]) -> None:
    sizes = np.array([s.size if s.discrete else np.iinfo(np.int64).max for s in spaces])
    wrong = np.flatnonzero((ids < 0) | (ids >= sizes[space]))
    if len(wrong):
        which = spaces[space[wrong[0]]]
        raise ShardError(
            f"Code {ids[wrong[0]]} lies outside space {which.name!r} of size {which.size}. Check its tokenizer."
        )


def _distinct_rows(position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows and the row of each token; compared as bytes, which is faster and keeps every bit."""
    rows = np.ascontiguousarray(position, np.float64).view(f"V{8 * AXES}").ravel()
    distinct, index = np.unique(rows, return_inverse=True)
    return distinct.view(np.float64).reshape(-1, AXES), index


def _smallest(values: np.ndarray) -> np.ndarray:
    """The same whole numbers in the smallest type that holds them."""
    if not len(values):
        return values.astype(np.uint8)
    low, high = np.min_scalar_type(values.min()), np.min_scalar_type(values.max())
    return values.astype(np.promote_types(low, high))
