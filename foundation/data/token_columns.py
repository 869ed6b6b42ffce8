"""Token columns: a chunk of tokenised samples as a few flat arrays, in the smallest integer types, and back.

Most samples of a survey have the same layout (spaces, positions and tracks) and differ in their codes only, so a
chunk stores each distinct layout once, and of positions each distinct row; samples read back share those tensors.
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
    layouts: dict[tuple[bytes, ...], int] = {}
    parts: list[tuple[np.ndarray, ...]] = []  # space, track, position of each distinct layout
    which = []
    for t in tokens:
        layout = legends[t.spaces][t.space.numpy()], t.track.numpy(), t.position.numpy()
        which.append(layouts.setdefault(tuple(column.tobytes() for column in layout), len(parts)))
        if which[-1] == len(parts):
            parts.append(layout)
    ids = np.concatenate([t.ids.numpy() for t in tokens])
    _check_codes(ids, np.concatenate([parts[i][0] for i in which]), spaces)
    space, track, position = (np.concatenate(column) for column in zip(*parts, strict=True))
    rows, row = _distinct_rows(position)
    arrays = {
        "ids": _smallest(ids),
        "layout": _smallest(np.array(which)),
        "layout.offsets": np.cumsum([0, *(len(part[0]) for part in parts)]),
        "layout.space": _smallest(space),
        "layout.track": _smallest(track),
        "layout.position": _smallest(row),
        "position": rows,
    }
    return arrays | _join_vectors(tokens, spaces), {
        "keys": [s.key for s in samples],
        "labels": [dict(s.labels) for s in samples],
    }


def decode_tokens(
    arrays: Mapping[str, np.ndarray], text: Mapping[str, Any], stored: tuple[Space, ...], wanted: tuple[Space, ...]
) -> list[TokenSample]:
    """What `encode_tokens` was given, less the tokens of spaces that are stored but not wanted."""
    space, track, row = (arrays[f"layout.{c}"] for c in ("space", "track", "position"))
    ids, offsets, which = arrays["ids"], arrays["layout.offsets"], arrays["layout"].tolist()
    if wanted != stored:
        space = np.array([wanted.index(s) if s in wanted else -1 for s in stored])[space]
        keep = space >= 0
        of_layout = np.split(keep, offsets[1:-1])
        ids = ids[np.concatenate([of_layout[i] for i in which])]
        offsets = np.concatenate([[0], np.cumsum(keep)])[offsets]
        space, track, row = space[keep], track[keep], row[keep]
    lengths = np.diff(offsets).tolist()
    columns = (space.astype(np.int64), arrays["position"].take(row, axis=0), track.astype(np.int64))
    layouts = list(zip(*(torch.from_numpy(c).split(lengths) for c in columns), strict=True))
    codes = torch.from_numpy(ids.astype(np.int64)).split([lengths[i] for i in which])
    vectors = _split_vectors(arrays, wanted, len(which))
    placed = zip(codes, (layouts[i] for i in which), vectors, strict=True)
    tokens = (Tokens(wanted, own, spaces, at, tracks, rows) for own, (spaces, at, tracks), rows in placed)
    return [TokenSample(*parts) for parts in zip(text["keys"], tokens, text["labels"], strict=True)]


def _join_vectors(tokens: Sequence[Tokens], spaces: tuple[Space, ...]) -> dict[str, np.ndarray]:
    arrays = {}
    for name in (s.name for s in spaces if not s.discrete):
        rows = [t.vectors[name].numpy() for t in tokens if name in t.vectors]
        if rows:
            arrays[f"vectors.{name}"] = np.concatenate(rows)
            arrays[f"vectors.{name}.offsets"] = np.cumsum([0, *(len(t.vectors.get(name, ())) for t in tokens)])
    return arrays


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
