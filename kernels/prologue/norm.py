"""HeadNorm: the normalisation of one head's components, as numbers rather than as a module."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

KINDS = ("rms", "layer")


@dataclass(frozen=True, eq=False)
class HeadNorm:
    """x / sqrt(mean(x^2) + eps) * weight + bias over the components of a head; "layer" first subtracts their mean.

    Args:
        kind: "rms" or "layer".
        weight: [dim].
        bias: [dim] or None.
        eps: added to the mean square.

    Raises:
        ValueError: another kind.
    """

    kind: str
    weight: Float[Tensor, "dim"]
    bias: Float[Tensor, "dim"] | None = None
    eps: float = 1e-6

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"HeadNorm: kind is {self.kind!r}. Give one of {', '.join(KINDS)}.")
