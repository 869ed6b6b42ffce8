"""Launch: the kernels of short attention on tensors, with the sizes they were compiled and checked for."""

from dataclasses import dataclass

import torch
import triton
from torch import Tensor

from foundation.kernels.short.gpu.backward import short_backward
from foundation.kernels.short.gpu.forward import short_forward

ROWS = 32  # of (position, frame) in a program
FORWARD_WARPS, BACKWARD_WARPS = 4, 8  # with 4, the backward kernel spills in float32


@dataclass(frozen=True, eq=False)
class Norms:
    """Normalisation of queries and of keys; a kind "none" has no weight."""

    q_weight: Tensor | None
    q_bias: Tensor | None
    q_kind: str
    q_eps: float
    k_weight: Tensor | None
    k_bias: Tensor | None
    k_kind: str
    k_eps: float

    @property
    def has_any(self) -> bool:
        """Whether there is anything to train."""
        return self.q_weight is not None or self.k_weight is not None

    @property
    def vectors(self) -> list[Tensor | None]:
        """Weights and biases, those of queries first."""
        four = (self.q_weight, self.q_bias, self.k_weight, self.k_bias)
        return [None if x is None else x.contiguous() for x in four]


def launch_forward(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, norms: Norms, causal: bool, scale: float
) -> Tensor:
    """Attention among frames, [positions, frames, heads, dim]; bias is [heads, frames, frames]."""
    q, k, v = map(_adjacent, (q, k, v))
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    if q.numel():
        short_forward[_grid(q)](
            q, k, v, out, _whole(bias), *norms.vectors, len(q), q.shape[2], *q.stride()[:3], *k.stride()[:3],
            *v.stride()[:3], norms.q_eps, norms.k_eps, scale, **_constants(q, norms, causal), num_warps=FORWARD_WARPS,
        )  # fmt: skip
    return out


def launch_backward(
    gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, norms: Norms, causal: bool, scale: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of q, k, v, of bias [heads, frames, frames], and of the norms' weights and biases [4, dim]."""
    gradient, q, k, v = map(_adjacent, (gradient, q, k, v))
    _, frames, heads, dim = q.shape
    dq, dk, dv = (torch.empty(q.shape, dtype=q.dtype, device=q.device) for _ in range(3))
    grid = _grid(q)
    pairs = torch.empty(grid[0] if bias is not None else 0, heads, frames, frames, dtype=torch.float32, device=q.device)
    vectors = torch.zeros(grid[0] * heads if norms.has_any else 0, 4, dim, dtype=torch.float32, device=q.device)
    if q.numel():
        short_backward[grid](
            gradient, q, k, v, dq, dk, dv, pairs, vectors, _whole(bias), *norms.vectors, len(q), heads,
            *gradient.stride()[:3], *q.stride()[:3], *k.stride()[:3], *v.stride()[:3],
            norms.q_eps, norms.k_eps, scale, **_constants(q, norms, causal), num_warps=BACKWARD_WARPS,
        )  # fmt: skip
    return dq, dk, dv, pairs.sum(0), vectors.sum(0)


def _grid(q: Tensor) -> tuple[int, int]:
    return triton.cdiv(len(q) * triton.next_power_of_2(q.shape[1]), ROWS), q.shape[2]


def _constants(q: Tensor, norms: Norms, causal: bool) -> dict[str, object]:
    _, count, _, dim = q.shape
    sizes = {"COUNT": count, "FRAMES": triton.next_power_of_2(count), "ROWS": ROWS, "CAUSAL": causal}
    kinds = {"Q_KIND": norms.q_kind, "K_KIND": norms.k_kind}
    return sizes | kinds | {"DIM": dim, "WIDTH": triton.next_power_of_2(dim)}


def _adjacent(x: Tensor) -> Tensor:
    return x if x.stride(-1) == 1 else x.contiguous()


def _whole(x: Tensor | None) -> Tensor | None:
    return None if x is None else x.contiguous()
