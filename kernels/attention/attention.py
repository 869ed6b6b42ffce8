"""attention: the public operator; checks its input and picks the path."""

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.kernels.attention.backend import Backend, choose
from foundation.kernels.attention.bias import Bias, PointBias, RaggedBias, RelativeBias
from foundation.kernels.attention.grouped import grouped_attention
from foundation.kernels.attention.layout import AttentionLayout
from foundation.kernels.attention.reference import reference_attention


def attention(
    q: Float[Tensor, "Tq heads dim"],
    k: Float[Tensor, "Tk heads dim"],
    v: Float[Tensor, "Tk heads width"],
    layout: AttentionLayout,
    scale: float | None = None,
    bias: Bias | None = None,
    backend: Backend = "auto",
) -> Float[Tensor, "Tq heads width"]:
    """Packed attention by the rule of `layout`; equals `reference_attention` up to rounding.

    Rows that see no key (a query document without context) give zeros. q, k and v may be strided views of one tensor.
    width = dim, but where points alone decide (a PointBias), q and k may be [T, heads, 0].

    Args:
        scale: 1 / sqrt(dim) if None.
        bias: added to the logits, with gradients for its tensors.
        backend: "reference", "sdpa" (PyTorch's fused attention on groups of pieces), "triton"; "auto" is what
            `use_backend` says, else Triton for what it serves on a GPU and sdpa for the rest.

    Raises:
        ValueError: the parts do not fit each other, or the backend cannot serve them.
    """
    check_rows(q, k, v, layout, pointed=isinstance(bias, PointBias))
    if bias is not None:
        check_bias(bias, q, k)
    scale = 1.0 if scale is None and q.shape[-1] == 0 else scale
    path = choose(backend, v)
    if path == "reference":
        return reference_attention(q, k, v, layout, scale, bias)
    if path == "triton":
        from foundation.kernels.attention.gpu.attention import triton_attention  # imports Triton

        return triton_attention(q, k, v, layout, scale, bias)
    if q.dtype == torch.bfloat16 and q.device.type == "cpu" and torch.is_grad_enabled():
        # the CPU's bfloat16 backward is up to twice slower than its float32 one; forward alone it is the faster
        return grouped_attention(q.float(), k.float(), v.float(), layout, scale, bias).to(q.dtype)
    return grouped_attention(q, k, v, layout, scale, bias)


def check_rows(q: Tensor, k: Tensor, v: Tensor, layout: AttentionLayout, pointed: bool = False) -> None:
    """Ranks, lengths, types and devices; where points decide, queries and keys may have no components.

    Raises:
        ValueError: q, k, v and the layout do not fit each other.
    """
    for name, x in (("q", q), ("k", k), ("v", v)):
        if x.dim() != 3:
            raise ValueError(
                f"attention: {name} has shape {list(x.shape)}. Give [rows, heads, dim], without a batch axis."
            )
    if len(q) != len(layout.query_code) or len(k) != len(layout.key_code) or len(v) != len(k):
        raise ValueError(
            f"attention: q, k, v have {len(q)}, {len(k)}, {len(v)} rows, the layout has {len(layout.query_code)} "
            f"queries and {len(layout.key_code)} keys. Build the layout from the same batch."
        )
    dim = 0 if pointed and q.shape[2] == 0 else v.shape[2]
    if not q.shape[1:] == k.shape[1:] == (v.shape[1], dim):
        shapes = ", ".join(str(list(x.shape[1:])) for x in (q, k, v))
        raise ValueError(f"attention: q, k, v have [heads, dim] {shapes}. Give all three the same.")
    if not q.dtype == k.dtype == v.dtype:
        raise ValueError(f"attention: q, k, v are {q.dtype}, {k.dtype}, {v.dtype}. Convert them to one type.")
    devices = [str(x.device) for x in (q, k, v, layout.query_code)]
    if len(set(devices)) > 1:
        raise ValueError(f"attention: q, k, v and the layout are on {', '.join(devices)}. Move them to one device.")


def check_bias(bias: Bias, q: Tensor, k: Tensor) -> None:
    """Heads, rows and device of a bias; how many values a ragged one needs is found when it is cut.

    Raises:
        ValueError: the bias does not fit q and k.
    """
    match bias:
        case RaggedBias(values):
            found, wanted, part = (), (), values
        case RelativeBias(table, query_at, key_at):
            found, wanted, part = (len(table), len(query_at), len(key_at)), (q.shape[1], len(q), len(k)), table
        case PointBias(query, key, weight):
            found = (*query.shape[:2], *key.shape[:2], len(weight), query.shape[2:])
            wanted, part = (len(q), q.shape[1], len(k), q.shape[1], q.shape[1], key.shape[2:]), weight
    if found != wanted:
        raise ValueError(f"attention: the bias has sizes {found}, q and k want {wanted}. Build it for the same rows.")
    if part.device != q.device:
        raise ValueError(f"attention: the bias is on {part.device}, q on {q.device}. Move them to one device.")
