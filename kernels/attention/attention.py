"""attention: the public operator; checks its input and picks the path for the device."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation.kernels.attention.layout import AttentionLayout


def attention(
    q: Float[Tensor, "Tq heads dim"],
    k: Float[Tensor, "Tk heads dim"],
    v: Float[Tensor, "Tk heads dim"],
    layout: AttentionLayout,
    scale: float | None = None,
) -> Float[Tensor, "Tq heads dim"]:
    """Packed attention by the rule of `layout`; equals `reference_attention`.

    Rows that see no key (a query document without context) give zeros.

    Raises:
        ValueError: q, k or v have other lengths than the layout.
    """
    if len(q) != len(layout.query_code) or len(k) != len(layout.key_code) or k.shape != v.shape:
        raise ValueError(
            f"attention: q, k, v have {len(q)}, {len(k)}, {len(v)} rows, the layout has {len(layout.query_code)} queries "
            f"and {len(layout.key_code)} keys. Build the layout from the same batch."
        )
    return grouped_attention(q, k, v, layout, scale)


def grouped_attention(
    q: Float[Tensor, "Tq heads dim"],
    k: Float[Tensor, "Tk heads dim"],
    v: Float[Tensor, "Tk heads dim"],
    layout: AttentionLayout,
    scale: float | None = None,
) -> Float[Tensor, "Tq heads dim"]:
    """Rectangles of equal shape go into one fused call each: nothing is padded and nothing is masked."""
    out = q.new_zeros(q.shape)
    for query, key in layout.blocks:  # [B, n], [B, m]
        if key.shape[1] == 0:
            continue
        block = F.scaled_dot_product_attention(
            q[query].transpose(1, 2), k[key].transpose(1, 2), v[key].transpose(1, 2), scale=scale
        )  # [B, heads, n, dim]
        out = out.index_put((query,), block.transpose(1, 2))
    return out
