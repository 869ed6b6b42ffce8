"""The operator as PyTorch sees it: schema, fake results, gradient, and one graph under torch.compile."""

import os
import subprocess
import sys

import pytest
import torch

from foundation.kernels.attention import AttentionLayout

pytest.importorskip("triton")

# apart from this process, whose functions are wrapped to check shapes: a wrapper is no part of what is compiled
PROGRAM = """
import torch
from foundation.kernels.attention import AttentionLayout, RelativeBias, attention
from foundation.kernels.attention.gpu.attention import prepare

layout = AttentionLayout.packed(torch.tensor([0, 9, 40]), torch.zeros(40, dtype=torch.long))
qkv = torch.randn(40, 3, 2, 32, generator=torch.Generator().manual_seed(0))
at = torch.arange(40)

def loss(qkv, table):
    bias = RelativeBias(table, at, at) if table is not None else None
    return attention(*(2 * qkv).unbind(1), layout, bias=bias, backend="triton").square().sum()

prepare(layout, qkv.unbind(1)[0])
compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
x = qkv.requires_grad_()
eager, graph = loss(x, None), compiled(x, None)
assert torch.equal(eager, graph)
assert torch.equal(*(torch.autograd.grad(y, x)[0] for y in (eager, graph)))
print("one graph")
"""


def test_one_graph():
    environment = os.environ | {"TRITON_INTERPRET": "0" if torch.cuda.is_available() else "1"}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=300)
    assert run.stdout.strip() == "one graph", run.stderr[-3000:]


@pytest.mark.skipif(torch.cuda.is_available(), reason="interpreted only where there is no GPU")
@pytest.mark.parametrize("bias", ["none", "relative"])
def test_operator_keeps_its_contract(bias, cases, generator):
    """Schema, no hidden mutation, fake shapes and types equal to real ones, and a gradient registered properly."""
    from foundation.kernels.attention.gpu.attention import prepare
    from foundation.kernels.attention.gpu.operator import packed_attention

    layout = AttentionLayout.packed(torch.tensor([0, 9, 20]), torch.zeros(20, dtype=torch.long))
    rows = cases.rows(layout, generator, torch.float32, 1, 32)
    table = torch.randn(1, 3, generator=generator).requires_grad_() if bias == "relative" else None
    at = torch.arange(20) if bias == "relative" else None
    arguments = (
        *rows, None, None, None, table, None, None, at, at, layout.bounds, None, None, prepare(layout, rows[0]), 0.2,
    )  # fmt: skip
    torch.library.opcheck(packed_attention, arguments, test_utils=("test_schema", "test_faketensor"))
    torch.library.opcheck(packed_attention, arguments, test_utils=("test_autograd_registration",))
