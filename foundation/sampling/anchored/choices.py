"""What a constraint on growing sequences has to answer: which symbols may come next, on which side."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor


@runtime_checkable
class Constraint(Protocol):
    """Keeps every sequence of a request on a way to an end that it accepts.

    At each step the sampler takes the sides that are to be drawn, the right one (`order.RIGHT`) first. For each it
    asks `log_weights`, draws, and tells what it drew with `advance`; so of two letters of a step the second is weighed
    knowing the first. A sample that has ended a side is no longer asked about it, and one that has ended both is never
    asked again. Samples are numbered as in the whole request, whatever the batches.
    """

    def log_weights(self, side: int, samples: Int[Tensor, "n"]) -> Float[Tensor, "n 5"]:
        """What to add to the logits of A, C, G, U and <eos> on this side; -inf forbids, but never a whole row."""
        ...

    def advance(self, side: int, samples: Int[Tensor, "n"], ids: Int[Tensor, "n"]) -> None:
        """Note what was drawn there: 0 to 3 the next letter outwards, `order.EOS` the end of the side."""
        ...
