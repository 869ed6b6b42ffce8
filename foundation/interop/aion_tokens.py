"""Tokens as `polymathic-aion` passes them, a dictionary from token key to an integer array, both ways."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from foundation.errors import FoundationError
from foundation.interop.aion_keys import Key, keys_of
from foundation.sampling.template import template
from foundation.tokens import Tokens, concatenate


def from_arrays(
    arrays: Mapping[str, Int[Tensor, "B *n"]], hidden: Mapping[str, Bool[Tensor, "B n"]] | None = None
) -> list[Tokens]:
    """The tokens of each object; objects need not have the same keys.

    Args:
        arrays: key -> codes [B, n] in the order of the release, or [B] for keys of one token. A catalogue may be
            shorter than its 50 places; its codes count from 204, where the release's transformer has its data.
        hidden: key -> which to leave out, as `input_mask` does there.

    Raises:
        FoundationError: an unknown key, differing numbers of objects, a wrong number of codes, codes that the key does
            not have, or an object of which everything is hidden.
    """
    keys = keys_of(list(arrays), "The dictionary")
    codes = {key: _checked(key, arrays[key.name]) for key in keys}
    objects = {len(c) for c in codes.values()}
    if len(objects) != 1:
        raise FoundationError(f"Arrays of {sorted(objects)} objects in one dictionary. Give one row for each object.")
    shown = {key: ~(hidden or {}).get(key.name, torch.zeros_like(c, dtype=torch.bool)) for key, c in codes.items()}
    return [_object({k: (c[i], shown[k][i]) for k, c in codes.items()}, i) for i in range(objects.pop())]


def to_arrays(tokens: Sequence[Tokens], names: Sequence[str]) -> dict[str, Int[Tensor, "B n"]]:
    """Codes of these keys by position, for objects that all have all tokens of them.

    Raises:
        FoundationError: an object lacks some.
    """
    arrays = {}
    for key in keys_of(list(names), "The request"):
        rows = [t.select(t.of(key.name)) for t in tokens]
        lacking = [i for i, r in enumerate(rows) if len(r) != len(rows[0]) or not len(r)]
        if lacking:
            raise FoundationError(f"Object {lacking[0]} lacks tokens of {key.name}. Leave it out, or ask for others.")
        arrays[key.name] = torch.stack([r.ids[_order(r)] for r in rows])
    return arrays


def _checked(key: Key, codes: Tensor) -> Int[Tensor, "B n"]:
    codes = (codes[:, None] if codes.dim() == 1 else codes).long()
    places = len(template(key.space))
    if codes.shape[1] != places and not (key.codec == "catalog" and codes.shape[1] < places):
        raise FoundationError(f"{key.name} has {codes.shape[1]} codes an object, AION-1 {places}. Give all of them.")
    if len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < key.size:
        raise FoundationError(
            f"Codes of {key.name} run from {int(codes.min())} to {int(codes.max())}, and there are {key.size}. "
            "Give codes of its tokenizer; hide what is missing."
        )
    return codes


def _object(parts: Mapping[Key, tuple[Tensor, Tensor]], index: int) -> Tokens:
    tokens = []
    for key, (codes, shown) in parts.items():
        grid = template(key.space).position[: len(codes), : len(key.axes)]
        tokens.append(Tokens.of_space(key.space, codes[shown], grid[shown]))
    whole = concatenate(tokens)
    if not len(whole):
        raise FoundationError(f"Everything of object {index} is hidden. Leave it out.")
    return whole


def _order(tokens: Tokens) -> Int[Tensor, "n"]:
    """Row by row, as positions ascend."""
    order = torch.argsort(tokens.position[:, 1], stable=True)
    return order[torch.argsort(tokens.position[order, 0], stable=True)]
