"""The pretraining loss: negative log-likelihood at the queries, per space, normalised over the targets of all ranks.

    loss = sum over spaces s of  c_s * (sum of the losses of this micro-batch's targets of s) * ranks

where c_s depends only on the numbers of targets N_s on all ranks, and the factor `ranks` undoes the mean that
data-parallel training takes over gradients. So one global batch gives one gradient, however it is dealt out:

    balance "space"   c_s = w_s / N_s / sum of w over the spaces with targets     (each space counts the same)
    balance "token"   c_s = w_s / sum over spaces of w * N                        (each target counts the same)

The N_s are those of the whole step: all ranks and, with gradient accumulation, all micro-batches, which are read before
the first of them is used (foundation/data/steps.py). The loss of a micro-batch is multiplied by their number too, as
training divides by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, distributed

from foundation.batch import TokenBatch
from foundation.errors import FoundationError
from foundation.model.heads import SpaceHeads
from foundation.tokens import Space


@dataclass(frozen=True, eq=False)
class Tally:
    """Losses of a batch, by space.

    Args:
        sums: float64 [S] sum of the losses of the targets, in nats.
        counts: float64 [S] number of targets.
    """

    sums: Float[Tensor, "S"]
    counts: Float[Tensor, "S"]

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.sums + other.sums, self.counts + other.counts)

    def detached(self) -> "Tally":
        """Without gradient."""
        return Tally(self.sums.detach(), self.counts)

    @property
    def mean(self) -> Float[Tensor, "S"]:
        """[S] mean loss of a target; NaN in a space without targets."""
        return self.sums / self.counts


def tally(
    heads: SpaceHeads,
    states: Float[Tensor, "E width"],
    batch: TokenBatch,
    code_weights: Mapping[str, Float[Tensor, "_"]] | None = None,
) -> Tally:
    """Sum the losses of this rank's targets, space by space; codes of some spaces may weigh differently."""
    code_weights = code_weights or {}
    spaces = list(heads.spaces.values())
    rows = batch.rows_by_space(batch.query_rows, len(spaces))
    sums = [torch.zeros((), dtype=torch.float64, device=batch.ids.device) for _ in spaces]
    for i, (space, asked) in enumerate(zip(spaces, rows, strict=True)):
        if len(asked):
            sums[i] = heads.loss(
                space.name, states[asked], target(batch, asked, space), code_weights.get(space.name)
            ).double()
    return Tally(torch.stack(sums), target_counts(batch, spaces))


def target_counts(batch: TokenBatch, spaces: Sequence[Space]) -> Float[Tensor, "S"]:
    """How many targets a batch has of each space."""
    return torch.bincount(batch.space[batch.query_rows], minlength=len(spaces)).double()


def target(batch: TokenBatch, rows: Int[Tensor, "n"], space: Space) -> Tensor:
    """What the queries at `rows` ask for: codes int64 [n], or vectors [n, size] of a continuous space."""
    ids = batch.ids[rows]
    return ids if space.discrete else batch.vectors[space.name][ids]


def over_ranks(local: Tally) -> Tally:
    """The tally of the global batch, without gradient; the same on every rank."""
    both = summed(torch.stack([local.sums.detach(), local.counts]))
    return Tally(both[0], both[1])


def summed(local: Tensor) -> Tensor:
    """The sum over ranks; may be computed in place."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(local)
    return local


def balanced(
    sums: Float[Tensor, "S"], counts: Float[Tensor, "S"], weight: Float[Tensor, "S"], balance: str
) -> Float[Tensor, ""]:
    """The weighted loss of `sums` over a global batch with `counts` targets; 0 if it has none."""
    weight = weight.double()
    weight = weight * (counts > 0) / counts.clamp(min=1) if balance == "space" else weight
    total = (weight * counts).sum()
    share = weight / torch.where(total > 0, total, torch.inf)
    return (sums * share.to(sums.dtype)).sum()


def ranks() -> int:
    """Number of processes that share a step."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def space_weights(spaces: Sequence[Space], weight: Mapping[str, float]) -> Float[Tensor, "S"]:
    """One weight per space, 1 where none is given.

    Raises:
        FoundationError: a name that is no space, or a negative weight.
    """
    names = [s.name for s in spaces]
    for name, value in weight.items():
        if name not in names:
            raise FoundationError(
                f"space_weight names {name!r}, the spaces are {', '.join(names)}. "
                "Use one of them in `--optim.space_weight`."
            )
        if value < 0:
            raise FoundationError(f"space_weight of {name!r} is {value}. Give a weight >= 0.")
    return torch.tensor([weight.get(name, 1.0) for name in names])
