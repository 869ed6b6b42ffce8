"""World: the ranks of a run, the groups that wait for each other in every micro-step, and the micro-steps of a step."""

from dataclasses import dataclass

from foundation.errors import FoundationError


@dataclass(frozen=True)
class World:
    """Who waits for whom.

    Ranks of a sharding group gather each other's weights, so a group goes at the pace of its slowest rank in every
    micro-step; groups meet once, where the gradients are summed. `group` is 1 where weights are whole on every rank.

    Args:
        ranks: processes that train together.
        group: consecutive ranks that share one copy of the weights.
        accumulate: micro-steps of an optimiser step.

    Raises:
        FoundationError: a number below 1, or ranks that do not divide into groups.
    """

    ranks: int
    group: int = 1
    accumulate: int = 1

    def __post_init__(self) -> None:
        if min(self.ranks, self.group, self.accumulate) < 1:
            raise FoundationError(
                f"Got {self.ranks} ranks in groups of {self.group} with {self.accumulate} micro-steps, wanted at "
                "least 1 of each. Try `--ranks 8 --group 4 --accumulate 4`."
            )
        if self.ranks % self.group:
            raise FoundationError(
                f"{self.ranks} ranks do not divide into groups of {self.group}. Choose a `--group` that divides them."
            )

    @property
    def groups(self) -> int:
        """Number of sharding groups."""
        return self.ranks // self.group

    @property
    def slots(self) -> int:
        """Micro-batches of one optimiser step, over all ranks."""
        return self.ranks * self.accumulate
