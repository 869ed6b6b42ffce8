"""The table of `foundation bench attention`: speed on visible pairs, memory, and the cost of saying who sees whom."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from foundation.bench import Row, bytes_compared, side_by_side
from foundation.kernels.attention.attention import attention
from foundation.kernels.attention.benchmark import peers
from foundation.kernels.attention.benchmark.floor import ceilings, waiting
from foundation.kernels.attention.benchmark.lengths import ENCODER, EQUAL, SMALL, SPECTRA, Lengths
from foundation.kernels.attention.bias import RaggedBias

LONG = Lengths("16,384 rows in 32 documents", (512,) * 32)
BIASED = Lengths("2 of 512 rows", (512, 512), heads=8, dim=32)
FORWARD, BOTH = "forward", "forward and backward"
PRODUCTS = {FORWARD: 4, BOTH: 14}  # FLOPs a visible pair, head and dimension: 2 matrix products, and 5 backward
EXPONENTIALS = {FORWARD: 1, BOTH: 2}  # of a visible pair and head

Peer = Callable[[Lengths, str, torch.dtype], peers.Way]


def table() -> list[Row]:
    """All comparisons that this machine can make: on a GPU in bfloat16 if there is one, else on the CPU in float32."""
    if torch.cuda.is_available():
        return [*_on_gpu(), *layout_against_block_mask()]
    return [*_on_cpu(), *layout_against_block_mask(), *bias_gradient()]


def _on_cpu() -> list[Row]:
    rows = [
        against("padded", peers.padded, case, what) for case in (ENCODER, SPECTRA, SMALL, EQUAL) for what in PRODUCTS
    ]
    half = replace(EQUAL, name=f"{EQUAL.name}, bfloat16")
    rows.append(against("padded", peers.padded, half, FORWARD, dtype=torch.bfloat16))
    rows.append(against("nested tensor", peers.nested, ENCODER, FORWARD, turns=2))
    if shutil.which("c++") is None:
        print("FlexAttention is left out: its compilation needs a C++ compiler, and there is none.", file=sys.stderr)
    else:
        rows.append(against("FlexAttention", peers.flex, ENCODER, FORWARD))
    return rows


def _on_gpu() -> list[Row]:
    cases = [replace(case, lengths=case.lengths * 8) for case in (ENCODER, SPECTRA)] + [LONG]
    usual = {"padded": peers.padded, "varlen_attn": peers.varlen, "FlexAttention": peers.flex}
    return [
        against(name, peer, case, what, "cuda", torch.bfloat16)
        for case in cases
        for name, peer in usual.items()
        for what in PRODUCTS
    ]


def against(
    name: str,
    peer: Peer,
    case: Lengths,
    what: str,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    turns: int = 7,
) -> Row:
    """GFLOP/s on visible pairs of a peer and of packed attention; the floor is that of products and exponentials."""
    run = _forward if what == FORWARD else _both
    usual, ours = (_bound(run, *way(case, device, dtype)) for way in (peer, peers.packed))
    work = PRODUCTS[what] * case.dim * case.products
    row = side_by_side(
        f"{what}, {case.name}, against {name}", usual, ours, work / 1e9, "GFLOP/s", turns, waiting(device)
    )
    floor = ceilings(device, dtype).rate(work, EXPONENTIALS[what] * case.products)
    return replace(row, floor=1e9 * row.b / floor)


def layout_against_block_mask(case: Lengths = LONG) -> list[Row]:
    """Saying who sees whom: FlexAttention's mask of blocks against a layout with its tiles."""
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def usual() -> object:
        return peers.block_mask(case, device)

    def ours() -> object:
        return case.layout().to(device).tiles(128, 64)

    name = f"layout of {case.name}, against create_block_mask"
    return [
        side_by_side(name, usual, ours, 1, "layouts/s", turns=3, wait=waiting(device)),
        *([bytes_compared(name, usual, ours)] if device == "cpu" else []),
    ]


def bias_gradient(case: Lengths = BIASED) -> list[Row]:
    """Attention with a bias for every pair and head that has a gradient: PyTorch's only path for it, and ours."""
    longest, draw = max(case.lengths), torch.Generator().manual_seed(1)
    qkv = case.packed().unflatten(0, (len(case.lengths), longest))
    dense = torch.randn(len(case.lengths), case.heads, longest, longest, generator=draw)
    values = RaggedBias.of(list(dense)).values

    def usual() -> None:
        x, bias = qkv.detach().requires_grad_(), dense.detach().requires_grad_()
        q, k, v = (part.transpose(1, 2) for part in case.split(x))
        with sdpa_kernel(SDPBackend.MATH):
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        torch.autograd.grad(out.sum(), (x, bias))

    def ours() -> None:
        x, bias = qkv.flatten(0, 1).detach().requires_grad_(), values.detach().requires_grad_()
        out = attention(*case.split(x), case.layout(), bias=RaggedBias(bias))
        torch.autograd.grad(out.sum(), (x, bias))

    name = f"bias gradient, {case.name}, against the math path"
    work = PRODUCTS[BOTH] * case.dim * case.products / 1e9
    return [side_by_side(name, usual, ours, work, "GFLOP/s"), bytes_compared(name, usual, ours)]


def _bound(run: Callable[[Callable[[Tensor], Tensor], Tensor], None], way: Callable, qkv: Tensor) -> Callable[[], None]:
    return lambda: run(way, qkv)


def _forward(function: Callable[[Tensor], Tensor], qkv: Tensor) -> None:
    with torch.no_grad():
        function(qkv)


def _both(function: Callable[[Tensor], Tensor], qkv: Tensor) -> None:
    torch.autograd.grad(function(qkv.requires_grad_()).sum(), qkv)
