"""The peers: the same attention by PyTorch's own means, each in the best form that it allows."""

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from foundation.kernels.attention.attention import attention
from foundation.kernels.attention.benchmark.lengths import Lengths

Way = tuple[Callable[[Tensor], Tensor], Tensor]  # a function of one tensor that has queries, keys and values, and it


def packed(case: Lengths, device: str, dtype: torch.dtype) -> Way:
    """Ours. The layout is made anew in each call on the CPU, where that is cheap, as every batch makes it once."""
    kept = case.layout().to(device)

    def ours(qkv: Tensor) -> Tensor:
        return attention(*case.split(qkv), kept if device == "cuda" else case.layout())

    return ours, case.packed().to(device, dtype)


def padded(case: Lengths, device: str, dtype: torch.dtype) -> Way:
    """Every document as long as the longest, and a mask that hides the rest."""
    rows, real = case.padded()
    visible = real[:, None, None, :].to(device)

    def usual(qkv: Tensor) -> Tensor:
        q, k, v = (x.transpose(1, 2) for x in case.split(qkv))
        return F.scaled_dot_product_attention(q, k, v, attn_mask=visible)

    return usual, rows.to(device, dtype)


def nested(case: Lengths, device: str, dtype: torch.dtype) -> Way:
    """A nested tensor in the jagged layout, which takes no views."""
    offsets = case.offsets.to(device)

    def usual(qkv: Tensor) -> Tensor:
        parts = (torch.nested.nested_tensor_from_jagged(x.contiguous(), offsets) for x in case.split(qkv))
        q, k, v = (x.transpose(1, 2) for x in parts)
        return F.scaled_dot_product_attention(q, k, v)

    return usual, case.packed().to(device, dtype)


def flex(case: Lengths, device: str, dtype: torch.dtype) -> Way:
    """FlexAttention, compiled, with its mask of blocks already made."""
    compiled, mask = torch.compile(flex_attention), block_mask(case, device)

    def usual(qkv: Tensor) -> Tensor:
        q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in case.split(qkv))  # [1, heads, T, dim]
        return compiled(q, k, v, block_mask=mask)

    return usual, case.packed().to(device, dtype)


def varlen(case: Lengths, device: str, dtype: torch.dtype) -> Way:
    """PyTorch's packed attention, which is FlashAttention; on a GPU only."""
    from torch.nn.attention.varlen import varlen_attn

    offsets, longest = case.offsets.to(device, torch.int32), max(case.lengths)

    def usual(qkv: Tensor) -> Tensor:
        return cast(Tensor, varlen_attn(*case.split(qkv), offsets, offsets, longest, longest))

    return usual, case.packed().to(device, dtype)


def block_mask(case: Lengths, device: str) -> BlockMask:
    """FlexAttention's mask of documents."""
    document = torch.repeat_interleave(torch.arange(len(case.lengths)), torch.tensor(case.lengths)).to(device)
    rows = sum(case.lengths)
    return create_block_mask(lambda b, h, q, k: document[q] == document[k], None, None, rows, rows, device=device)
