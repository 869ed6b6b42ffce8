"""Products of rows with weights that are laid out first: on a CPU and without gradients they are the faster ones.

PyTorch gives float32 linear maps to MKL. oneDNN, which it gives bfloat16 ones and convolutions to, copies a weight
into the order in which the product reads it, and is then up to a quarter faster on a processor that MKL was not made
for, the copy included. The two operators are those that `torch.compile` writes into its own graphs; where a PyTorch
does not have them, linear maps stay as they are.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

from foundation.kernels.inference import infers_on_cpu

FEWEST_ROWS, LEAST_WEIGHT = 1024, 256 * 256  # below, laying out the weight costs what it brings
ALWAYS = 2  # one row alone is a product of another kind, in either library


class LaidOutProducts(TorchFunctionMode):
    """Every `F.linear` inside that would gain from it lays its weight out first; sums are in another order.

    Args:
        fewest_rows: that a product needs for it. A row's sums are the same whatever rows are beside it, as long as this
            decides alike for all of them: give `ALWAYS` where codes must not hang on what is encoded together.

    Example:
        with torch.no_grad(), LaidOutProducts():
            states = model(batch)
    """

    def __init__(self, fewest_rows: int = FEWEST_ROWS) -> None:
        super().__init__()
        self.fewest_rows = fewest_rows

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        if func is F.linear and not kwargs and gains(self.fewest_rows, *args):
            return laid_out_linear(*args)
        return func(*args, **(kwargs or {}))


def laid_out_linear(
    x: Float[Tensor, "*rows inputs"],
    weight: Float[Tensor, "outputs inputs"],
    bias: Float[Tensor, "outputs"] | None = None,
) -> Float[Tensor, "*rows outputs"]:
    """`F.linear`, up to the order of sums, for what `gains` is true of."""
    rows = x.flatten(0, -2)
    order = torch.ops.mkldnn._reorder_linear_weight(weight, len(rows))
    return torch.ops.mkldnn._linear_pointwise(rows, order, bias, "none", [], "").unflatten(0, x.shape[:-1])


def linear_as_it_lies(
    x: Float[Tensor, "rows inputs"], weight: Float[Tensor, "outputs inputs"]
) -> Float[Tensor, "rows outputs"]:
    """`F.linear` by oneDNN where it is there, for rows too few to pay for laying out the weight; without gradients."""
    if not _available():
        return F.linear(x, weight)
    return torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")


def gains(fewest_rows: int, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """Whether this product is one that oneDNN computes alike, and faster with so many rows."""
    return (
        x.numel() >= fewest_rows * x.shape[-1]
        and weight.numel() >= LEAST_WEIGHT
        and infers_on_cpu(x, weight)
        and _available()
    )


@cache
def _available() -> bool:
    operators = torch.ops.mkldnn
    return torch.backends.mkldnn.is_available() and all(
        hasattr(operators, name) for name in ("_reorder_linear_weight", "_linear_pointwise")
    )
