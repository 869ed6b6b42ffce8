"""triton_attention: what the kernels need, made from a layout and a bias."""

from jaxtyping import Float, Int
from torch import Tensor

from foundation.kernels.attention.bias import Bias, PointBias, RaggedBias, RelativeBias
from foundation.kernels.attention.gpu.launch import launches
from foundation.kernels.attention.gpu.operator import packed_attention
from foundation.kernels.attention.layout import AttentionLayout


def triton_attention(
    q: Float[Tensor, "Tq heads dim"],
    k: Float[Tensor, "Tk heads dim"],
    v: Float[Tensor, "Tk heads width"],
    layout: AttentionLayout,
    scale: float | None = None,
    bias: Bias | None = None,
) -> Float[Tensor, "Tq heads width"]:
    """Attention as `reference_attention` defines it, by kernels of our own; no atomics, so runs repeat bit by bit.

    Before a region that is compiled call `prepare`: lists of tiles have sizes that depend on the data.
    """
    if q.shape[-1] == 0:  # the kernels have no form for it
        q, k = (v.new_zeros(len(x), *v.shape[1:]) for x in (q, k))
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    q, k, v = (_aligned(x) for x in (q, k, v))
    extra_q, extra_k, values, table, query_at, key_at = (None,) * 6
    places = (None, None)
    match bias:
        case PointBias():
            extra_q, extra_k = (x.contiguous() for x in bias.folded(layout))
        case RaggedBias():
            values, places = bias.values, layout.bias_places(q.shape[1])
        case RelativeBias():
            table, query_at, key_at = bias.table.contiguous(), bias.query_at, bias.key_at
    tiles = prepare(layout, q, bias)
    out, _ = packed_attention(
        q, k, v, extra_q, extra_k, values, table, *places, query_at, key_at,
        layout.bounds, layout.sees, layout.kind, tiles, scale,
    )  # fmt: skip
    return out


def prepare(
    layout: AttentionLayout, q: Float[Tensor, "Tq heads dim"], bias: Bias | None = None
) -> list[Int[Tensor, "..."]]:
    """Make the lists that attention with queries and a bias like these reads, once; the programs and entries of each
    kernel in turn.
    """
    extra = bias.width if isinstance(bias, PointBias) else 0
    launch = launches(q.shape[-1], q.element_size(), extra, bias is not None or layout.sees is not None)
    forward = layout.tiles(launch.forward.queries, launch.forward.keys).queries
    queries = layout.tiles(launch.backward_queries.queries, launch.backward_queries.keys).queries
    keys = layout.tiles(launch.backward_keys.queries, launch.backward_keys.keys).keys
    return [
        forward.programs, forward.begin, queries.programs, queries.begin, keys.programs, keys.begin, keys.end
    ]  # fmt: skip


def _aligned(x: Float[Tensor, "T heads dim"]) -> Float[Tensor, "T heads dim"]:
    """The same rows, copied only if their columns are not side by side or rows and heads begin at odd places."""
    begins = all(x.stride(i) % 8 == 0 or x.shape[i] <= 1 for i in (0, 1))
    return x if x.stride(2) == 1 and begins else x.contiguous()
