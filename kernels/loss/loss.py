"""linear_cross_entropy: the public operator; checks its input and takes Liger's kernel where there is one."""

from importlib.util import find_spec

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.kernels.loss.chunked import ChunkedCrossEntropy

LOGITS = 1 << 22  # held at a time: 16 MB in float32, and still long matrix products


def linear_cross_entropy(
    states: Float[Tensor, "n width"],
    weight: Float[Tensor, "size width"],
    target: Int[Tensor, "n"],
    logits: int = LOGITS,
) -> Float[Tensor, ""]:
    """Sum over rows of -log softmax(weight @ state)[target], in nats; no row's logits outlive its chunk.

    The gradients of states and weight are formed in the forward pass, while the logits are there, and only multiplied
    by the incoming one in the backward pass (the way of Liger-Kernel, arXiv:2410.10989), whose fused kernel is taken
    for CUDA tensors if it is installed. A second derivative is not available. Under autocast the products are in its
    type.

    Args:
        target: codes from 0 to size - 1.
        logits: most logits held at a time.

    Raises:
        ValueError: shapes that do not belong together, or a target that is no code.
    """
    _check(states, weight, target)
    if torch.is_autocast_enabled(states.device.type):
        states = states.to(torch.get_autocast_dtype(states.device.type))
    if states.is_cuda and find_spec("liger_kernel") is not None:
        return _by_liger(states, weight, target)
    rows = max(1, logits // len(weight))
    return ChunkedCrossEntropy.apply(states, weight, target, rows, torch.is_grad_enabled())


def _by_liger(states: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss  # pyright: ignore[reportMissingImports]

    return LigerFusedLinearCrossEntropyLoss(reduction="sum")(weight.to(states.dtype), states, target)


def _check(states: Tensor, weight: Tensor, target: Tensor) -> None:
    if states.shape[:-1] != target.shape or states.shape[-1:] != weight.shape[-1:]:
        raise ValueError(
            f"linear_cross_entropy: states are {list(states.shape)}, weight {list(weight.shape)}, target "
            f"{list(target.shape)}. Give [n, width], [size, width] and [n]."
        )
    if target.device.type == "cpu" and target.numel() and not 0 <= int(target.min()) <= int(target.max()) < len(weight):
        raise ValueError(
            f"linear_cross_entropy: targets run from {int(target.min())} to {int(target.max())}. "
            f"Give codes from 0 to {len(weight) - 1}."
        )
