"""Features: what a frozen encoder says of many samples, batched by tokens and returned in the caller's order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foundation.batch import TokenBatch, pack
from foundation.errors import FoundationError
from foundation.kernels.products import LaidOutProducts
from foundation.model.over_tokens import OverTokens
from foundation.progress import track
from foundation.tokens import AXES, Tokens

Pool = Literal["mean", "spaces", "none"]
LONG = 32  # batches; shorter work shows no progress


@dataclass(frozen=True, eq=False)
class Features:
    """Encoder states of n samples over S spaces, on the CPU.

    Args:
        values: [n, D] for pool "mean"; [n, S, D] for "spaces", zeros where absent; [T, D] for "none".
        names: the S names of the model's spaces.
        present: bool [n, S], whether a sample has tokens of a space.
        offsets: int64 [n + 1], for "none": sample i has rows offsets[i] to offsets[i + 1] of the T; else None.
        space: int64 [T], for "none": index into `names`; else None.
        position: float64 [T, AXES], for "none": physical; else None.
    """

    values: Float[Tensor, "*rows D"]
    names: tuple[str, ...]
    present: Bool[Tensor, "n S"]
    offsets: Int[Tensor, "bounds"] | None = None
    space: Int[Tensor, "T"] | None = None
    position: Float[Tensor, "T A"] | None = None

    def __len__(self) -> int:
        return len(self.present)

    def __getitem__(self, index: int) -> Float[Tensor, "*rows D"]:
        """States of one sample: [D], [S, D] or [its tokens, D]."""
        if self.offsets is None:
            return self.values[index]
        return self.values[self.offsets[index] : self.offsets[index + 1]]


def encode_tokens(
    model: OverTokens,
    tokens: Sequence[Tokens],
    layer: int | None = None,
    pool: Pool = "mean",
    tokens_per_batch: int = 16384,
) -> Features:
    """Encoder states when everything is given and nothing is asked.

    Samples are sorted by length, so that a batch holds equal lengths, which attention computes in one call.

    Raises:
        FoundationError: no sample, a sample without tokens or with a space the model does not have, or no such layer.
    """
    lengths = torch.tensor([len(t) for t in tokens])
    if not (len(lengths) and lengths.min()):
        raise FoundationError(
            f"encode: {len(tokens)} samples, and one is empty or none is there. Leave such samples out."
        )
    gathered = _Gathered.empty(model, lengths, pool)
    batches = list(by_budget(lengths, tokens_per_batch))
    device = next(model.parameters()).device
    with torch.inference_mode(), LaidOutProducts():
        for members in track(batches, "encode") if len(batches) > LONG else batches:
            given = [(tokens[i], torch.zeros(len(tokens[i]), dtype=torch.long)) for i in members.tolist()]
            batch = pack(given, model.spaces)
            gathered.put(members, batch, model.features(batch.to(device), layer).cpu())
    return gathered.features(tuple(s.name for s in model.spaces))


def by_budget(lengths: Int[Tensor, "n"], tokens_per_batch: int) -> Iterator[Int[Tensor, "_"]]:
    """Indices in groups of at most `tokens_per_batch` tokens, shortest first; a longer sample is a group alone."""
    order = torch.argsort(lengths, stable=True)
    begin = total = 0
    for end, length in enumerate(lengths[order].tolist()):
        if total and total + length > tokens_per_batch:
            yield order[begin:end]
            begin, total = end, 0
        total += length
    yield order[begin:]


@dataclass(frozen=True, eq=False)
class _Gathered:
    """The result while it is filled, batch by batch; made outside inference mode, so that a probe may train on it."""

    pool: Pool
    values: Tensor
    present: Tensor
    offsets: Tensor
    space: Tensor
    position: Tensor

    @classmethod
    def empty(cls, model: OverTokens, lengths: Tensor, pool: Pool) -> "_Gathered":
        """Room for the states of samples with so many tokens each."""
        n, spaces, width = len(lengths), len(model.spaces), model.config.width
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        tokens = int(offsets[-1])
        shape = {"mean": (n, width), "spaces": (n, spaces, width), "none": (tokens, width)}[pool]
        kept = tokens if pool == "none" else 0
        dtype = torch.promote_types(next(model.parameters()).dtype, torch.float32)
        return cls(
            pool,
            torch.zeros(shape, dtype=dtype),
            torch.zeros(n, spaces, dtype=torch.bool),
            offsets,
            torch.zeros(kept, dtype=torch.long),
            torch.zeros(kept, AXES, dtype=torch.float64),
        )

    def put(self, members: Tensor, batch: TokenBatch, states: Tensor) -> None:
        """File the states [rows, D] of a batch that holds the samples `members`."""
        states = states.to(self.values.dtype)
        self.present[members[batch.document], batch.space] = True
        if self.pool == "mean":
            self.values[members] = _mean(states, batch.document, len(members))
        elif self.pool == "spaces":
            spaces = self.values.shape[1]
            means = _mean(states, batch.document * spaces + batch.space, len(members) * spaces)
            self.values[members] = means.unflatten(0, (len(members), spaces))
        else:
            rows = self.offsets[members[batch.document]] + batch.token
            self.values[rows], self.space[rows], self.position[rows] = states, batch.space, batch.position

    def features(self, names: tuple[str, ...]) -> Features:
        if self.pool != "none":
            return Features(self.values, names, self.present)
        return Features(self.values, names, self.present, self.offsets, self.space, self.position)


def _mean(states: Float[Tensor, "T D"], group: Int[Tensor, "T"], groups: int) -> Float[Tensor, "groups D"]:
    """Mean of the states of each group; zeros for an empty one."""
    total = states.new_zeros(groups, states.shape[1]).index_add_(0, group, states)
    return total / torch.bincount(group, minlength=groups).clamp(min=1)[:, None]
