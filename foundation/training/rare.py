"""Rare codes: how much each code of a space weighs in the loss, so that seldom ones are learned, within a bound."""

from collections.abc import Mapping, Sequence
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.data.shards import TokenShards
from foundation.errors import FoundationError

COUNTED = 2000  # samples
MOST = 100.0  # times what the commonest code weighs


def code_weights(shards: TokenShards, names: Sequence[str]) -> Mapping[str, list[float]]:
    """Of these spaces, one over the root of how frequent each code is among the first samples; as MIMIC weighs them.

    The mean over what was counted is 1, so that losses stay comparable. A code that was never seen weighs as one that
    is always there (arXiv:2604.24506 weighs its special codes so): its weight is no infinity.

    Raises:
        FoundationError: a name that is no space of codes, or a space without tokens there.
    """
    spaces = {s.name: s for s in shards.spaces if s.discrete}
    if unknown := [name for name in names if name not in spaces]:
        raise FoundationError(
            f"rare_codes names {', '.join(unknown)}, the spaces of codes are {', '.join(spaces)}. "
            "Use some of them in `--optim.rare_codes`."
        )
    counts = {name: torch.zeros(spaces[name].size) for name in names}
    for sample in islice(shards, COUNTED) if names else ():
        for name, count in counts.items():
            count += torch.bincount(sample.tokens.ids[sample.tokens.of(name)], minlength=len(count))
    return {name: _weights(name, count).tolist() for name, count in counts.items()}


def _weights(name: str, count: Float[Tensor, "size"]) -> Float[Tensor, "size"]:
    if not count.any():
        raise FoundationError(f"{name} has no token in the first {COUNTED} samples. Leave it out of rare_codes.")
    share = count / count.sum()
    weight = torch.where(count > 0, share, 1.0) ** -0.5
    weight = weight.clamp(max=MOST * float(weight.min()))
    return weight / (weight * share).sum()
