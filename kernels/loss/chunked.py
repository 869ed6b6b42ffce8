"""ChunkedCrossEntropy: a chunk of rows at a time, whose gradients are formed while its logits are there."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


class ChunkedCrossEntropy(torch.autograd.Function):
    """`linear_cross_entropy` for chunks of `rows`; see there."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, target: Tensor, rows: int, train: bool) -> Tensor:  # noqa: ANN401
        """The summed loss; the gradients wait in `ctx`."""
        exact = torch.promote_types(states.dtype, torch.float32)
        dstates = torch.empty_like(states) if train and ctx.needs_input_grad[0] else None
        dweight = torch.zeros_like(weight, dtype=exact) if train and ctx.needs_input_grad[1] else None
        total = torch.zeros((), dtype=exact, device=states.device)
        table = weight.to(states.dtype)  # under autocast the states alone come in its type
        for begin in range(0, len(states), rows):
            part, codes = states[begin : begin + rows], target[begin : begin + rows, None]
            logits = F.linear(part, table).to(exact)
            normaliser = logits.logsumexp(-1, keepdim=True)
            total += (normaliser - logits.gather(1, codes)).sum()
            if not train:
                continue
            slope = logits.sub_(normaliser).exp_()
            slope = slope.scatter_add_(1, codes, slope.new_full(codes.shape, -1.0)).to(part.dtype)
            if dstates is not None:
                dstates[begin : begin + rows] = slope @ table
            if dweight is not None:
                _add_product(dweight, slope, part)
        ctx.save_for_backward(dstates, None if dweight is None else dweight.to(weight.dtype))
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """The waiting gradients times the incoming one."""
        scaled = (None if x is None else x * gradient[0].to(x.dtype) for x in ctx.saved_tensors)
        return (*scaled, None, None, None)


def _add_product(total: Tensor, slope: Tensor, part: Tensor) -> None:
    """total += slope^T part, in place where the types allow: it is as large as the weight."""
    if slope.dtype == total.dtype:
        total.addmm_(slope.T, part)
    else:
        total += slope.T @ part
