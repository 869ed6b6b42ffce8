"""packed_attention: the kernels as an operator of PyTorch, one node with a known gradient for torch.compile."""

import torch
import triton
from torch import Tensor

from foundation.kernels.attention.gpu.backward_keys import attention_backward_keys
from foundation.kernels.attention.gpu.backward_queries import attention_backward_queries
from foundation.kernels.attention.gpu.delta import attention_delta
from foundation.kernels.attention.gpu.forward import attention_forward
from foundation.kernels.attention.gpu.launch import Launch, launches, parts

# Operators are declared with plain types: PyTorch reads its schema from them.


@torch.library.custom_op("foundation::packed_attention", mutates_args=())
def packed_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    extra_q: Tensor | None,
    extra_k: Tensor | None,
    bias: Tensor | None,
    table: Tensor | None,
    bias_row: Tensor | None,
    bias_head: Tensor | None,
    query_at: Tensor | None,
    key_at: Tensor | None,
    bounds: Tensor,
    sees: Tensor | None,
    kind: Tensor | None,
    tiles: list[Tensor],
    scale: float,
) -> tuple[Tensor, Tensor]:
    """Outputs like q, and the log2 of each softmax's sum [heads, Tq], inf for rows that see nothing."""
    out, lse = _like(q), q.new_empty((q.shape[1], q.shape[0]), dtype=torch.float32)
    launch = launches(q.shape[2], q.element_size(), _width(extra_q), _has_terms(extra_q, bias, table, sees)).forward
    programs, begins = tiles[:2]
    _run(
        attention_forward, launch, programs, q.shape[1],
        q, k, v, extra_q, extra_k, out, lse,
        programs, begins, bounds, sees, kind, bias, bias_row, bias_head, table, query_at, key_at,
        scale, *_strides(q, k, v), q.shape[0], q.shape[1], **_constants(q, extra_q, bias, table, sees),
    )  # fmt: skip
    return out, lse


@packed_attention.register_fake
def _(q: Tensor, *_: object) -> tuple[Tensor, Tensor]:
    return _like(q), q.new_empty((q.shape[1], q.shape[0]), dtype=torch.float32)


@torch.library.custom_op("foundation::packed_attention_backward", mutates_args=())
def packed_attention_backward(
    grad: Tensor,
    out: Tensor,
    lse: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    extra_q: Tensor | None,
    extra_k: Tensor | None,
    bias: Tensor | None,
    table: Tensor | None,
    bias_row: Tensor | None,
    bias_head: Tensor | None,
    query_at: Tensor | None,
    key_at: Tensor | None,
    bounds: Tensor,
    sees: Tensor | None,
    kind: Tensor | None,
    tiles: list[Tensor],
    scale: float,
    bias_grad: bool,
    table_grad: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of q, k, v, extra_q, extra_k, bias and table; empty for what is not given or not wanted."""
    queries, heads, dim = q.shape
    grad, delta = grad.contiguous(), torch.empty_like(lse)
    if queries:
        blocks = (triton.cdiv(queries, 64), heads)
        attention_delta[blocks](out, grad, delta, queries, heads, dim, triton.next_power_of_2(dim), 64)
    launch = launches(dim, q.element_size(), _width(extra_q), _has_terms(extra_q, bias, table, sees))
    layout = (bounds, sees, kind, bias, bias_row, bias_head, table, query_at, key_at)
    sizes = (scale, *_strides(q, k, v), queries, heads)
    constants = _constants(q, extra_q, bias, table, sees)
    found = _gradients(q, k, v, extra_q, extra_k, bias, table, bias_grad, table_grad)
    grad_q, grad_k, grad_v, grad_extra_q, grad_extra_k, grad_bias, _ = found
    # one histogram a program, summed in their order: no two programs add to one place
    counts = (
        q.new_empty((len(tiles[2]), *table.shape), dtype=torch.float32) if table is not None and table_grad else None
    )
    _run(
        attention_backward_queries, launch.backward_queries, tiles[2], heads,
        q, k, v, extra_q, extra_k, grad, lse, delta, grad_q, grad_extra_q, grad_bias, counts,
        tiles[2], tiles[3], *layout, *sizes, BIAS_GRAD=bias_grad, TABLE_GRAD=table_grad, **constants,
    )  # fmt: skip
    _run(
        attention_backward_keys, launch.backward_keys, tiles[4], heads,
        q, k, v, extra_q, extra_k, grad, lse, delta, grad_k, grad_v, grad_extra_k,
        *tiles[4:], *layout, *sizes, **constants,
    )  # fmt: skip
    return found if counts is None or table is None else (*found[:-1], counts.sum(0).to(table.dtype))


@packed_attention_backward.register_fake
def _(grad: Tensor, out: Tensor, lse: Tensor, *rest: object) -> tuple[Tensor, ...]:
    q, k, v, extra_q, extra_k, bias, table = rest[:7]
    return _gradients(q, k, v, extra_q, extra_k, bias, table, *rest[-2:])


def _gradients(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    extra_q: Tensor | None,
    extra_k: Tensor | None,
    bias: Tensor | None,
    table: Tensor | None,
    bias_grad: bool,
    table_grad: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Room for them; the bias's is zero where no row sees a key."""
    nothing = [q.new_empty(0) for _ in range(4)]
    return (
        _like(q),
        _like(k),
        _like(v),
        nothing[0] if extra_q is None else _like(extra_q),
        nothing[1] if extra_k is None else _like(extra_k),
        torch.zeros_like(bias) if bias is not None and bias_grad else nothing[2],
        _like(table) if table is not None and table_grad else nothing[3],
    )


def _save(ctx: torch.autograd.function.FunctionCtx, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    *tensors, tiles, ctx.scale = inputs
    ctx.save_for_backward(*output, *tensors, *tiles)
    ctx.set_materialize_grads(False)


def _backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor | None, _: Tensor | None) -> tuple:
    out, lse, *rest = ctx.saved_tensors
    tensors, tiles = rest[:14], rest[14:]
    need = ctx.needs_input_grad
    found: tuple[Tensor | None, ...] = (None,) * 7
    if grad is not None:
        found = packed_attention_backward(grad, out, lse, *tensors, tiles, ctx.scale, need[5], need[6])
    wanted = (g if wants else None for g, wants in zip(found, need[:7], strict=True))
    return (*wanted, *(None,) * 7, [None] * len(tiles), None)


packed_attention.register_autograd(_backward, setup_context=_save)


def _run(kernel: object, launch: Launch, programs: Tensor, heads: int, *arguments: object, **constants: object) -> None:
    if len(programs) and heads:
        kernel[(len(programs), heads)](
            *arguments,
            **constants,
            BLOCK_M=launch.queries,
            BLOCK_N=launch.keys,
            num_warps=launch.warps,
            num_stages=launch.stages,
        )


def _constants(
    q: Tensor, extra: Tensor | None, bias: Tensor | None, table: Tensor | None, sees: Tensor | None
) -> dict[str, object]:
    main, tail = parts(q.shape[2], q.element_size())
    return {
        "DIM": q.shape[2],
        "MAIN": main,
        "TAIL": tail,
        "EXTRA": _width(extra),
        "BIAS": bias is not None,
        "REACH": -1 if table is None else table.shape[1] // 2,
        "BITS": sees is not None,
        # never Triton's default for float32, which rounds its operands to 10 bits
        "PRECISION": "tf32x3" if q.dtype == torch.float32 else "ieee",
    }


def _strides(q: Tensor, k: Tensor, v: Tensor) -> tuple[int, ...]:
    # of an axis of one element the stride is arbitrary and never used, but must keep the kernels' promise
    return tuple(x.stride(i) if x.shape[i] > 1 else x.shape[2] for x in (q, k, v) for i in (0, 1))


def _has_terms(*terms: Tensor | None) -> bool:
    return any(term is not None for term in terms)


def _width(extra: Tensor | None) -> int:
    return 0 if extra is None else extra.shape[2]


def _like(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)
