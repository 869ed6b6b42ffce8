"""What is wrong with the parts of a layout, in one sentence each."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Int, Integer
from torch import Tensor

from foundation.kernels.attention.segments import segment_of

KINDS = 31  # bits of a non-negative int32

Parts = Mapping[str, Any]  # the fields of AttentionLayout by name: tensors, or None for those that may be left out


def check_parts(parts: Parts) -> None:
    """Ranks, lengths, types and devices: known without reading a value.

    Raises:
        ValueError: the parts do not fit each other.
    """
    device = next(part.device for part in parts.values() if part is not None)
    for name, part in parts.items():
        if part is None:
            continue
        if part.dim() != 1 or part.is_floating_point() or part.dtype == torch.bool:
            raise ValueError(f"layout: {name} is {part.dtype} of shape {list(part.shape)}. Give a vector of integers.")
        if part.device != device:
            raise ValueError(
                f"layout: {name} is on {part.device}, others on {device}. Move the whole layout with layout.to(device)."
            )
    _check_counts(**parts)


def _check_counts(
    query_offsets: Tensor,
    query_code: Tensor,
    key_offsets: Tensor,
    key_code: Tensor,
    key_of: Tensor | None,
    sees: Tensor | None,
    kind: Tensor | None,
) -> None:
    queries, keys = len(query_offsets) - 1, len(key_offsets) - 1
    if key_of is None and queries != keys:
        raise ValueError(
            f"layout: {queries} query segments and {keys} key segments. Say with key_of which each query segment sees."
        )
    if key_of is not None and len(key_of) != queries:
        raise ValueError(
            f"layout: key_of names {len(key_of)} key segments for {queries} query segments. Name one for each."
        )
    if (sees is None) != (kind is None):
        raise ValueError("layout: sees and kind belong together. Give the bits of each query and the kind of each key.")
    for name, part, rows in (("sees", sees, query_code), ("kind", kind, key_code)):
        if part is not None and len(part) != len(rows):
            raise ValueError(f"layout: {name} has {len(part)} entries for {len(rows)} rows. Give one a row.")


def check_values(
    query_offsets: Tensor,
    query_code: Tensor,
    key_offsets: Tensor,
    key_code: Tensor,
    key_of: Tensor | None,
    sees: Tensor | None,
    kind: Tensor | None,
) -> None:
    """Offsets, order of the codes, shared segments, kinds.

    Raises:
        ValueError: a value is out of order or out of range.
    """
    _check_offsets("query", query_offsets, len(query_code))
    _check_offsets("key", key_offsets, len(key_code))
    _check_order(key_code, segment_of(key_offsets, len(key_code)))
    if key_of is not None and _outside(key_of, len(key_offsets) - 1):
        raise ValueError(
            f"layout: key_of names a segment outside 0 to {len(key_offsets) - 2}. Number the key segments."
        )
    if kind is not None and _outside(kind, KINDS):
        raise ValueError(f"layout: kind has a value outside 0 to {KINDS - 1}. Give a row of keys one of {KINDS} kinds.")
    if sees is not None and bool((sees < 0).any()):
        raise ValueError(f"layout: sees has a negative value. Set bits 0 to {KINDS - 1} only.")


def _check_offsets(side: str, offsets: Int[Tensor, "bounds"], rows: int) -> None:
    ends = [int(offsets[0]), int(offsets[-1])] if len(offsets) else []
    if ends != [0, rows]:
        raise ValueError(
            f"layout: {side}_offsets goes from and to {ends} for {rows} rows. Begin with 0 and end with their number."
        )
    if bool((torch.diff(offsets) < 0).any()):
        raise ValueError(f"layout: {side}_offsets decreases. Give the first row of each segment in turn, then the end.")


def _check_order(code: Int[Tensor, "Tk"], segment: Int[Tensor, "Tk"]) -> None:
    odd, falls = code % 2, torch.diff(code) < 0
    falls = (torch.diff(odd) < 0) | ((torch.diff(odd) == 0) & falls)
    falls &= torch.diff(segment) == 0
    if bool(falls.any()):
        row = int(falls.nonzero()[0])
        raise ValueError(
            f"layout: key codes {int(code[row])}, {int(code[row + 1])} at rows {row}, {row + 1} are out of order. "
            "Sort the keys of each segment: even codes first, then odd, each ascending."
        )


def _outside(values: Integer[Tensor, "_"], count: int) -> bool:
    return bool(((values < 0) | (values >= count)).any())
