"""The kernels as a GPU runs them: what the interpreter cannot tell, bfloat16 and the precision of float32 products."""

import pytest
import torch

from foundation.kernels.attention import attention
from foundation.kernels.attention.gpu.support import HEADS

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]

TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_every_layout(layout, dtype, cases, generator):
    assert cases.error("triton", layout, generator, dtype, 64, device="cuda") < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("dim", HEADS)
def test_every_head_dim(dim, dtype, cases, generator):
    layout = cases.layout("uneven", generator)
    assert cases.error("triton", layout, generator, dtype, dim, device="cuda") < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("bias", ["ragged", "relative", "points"])
def test_every_bias(bias, dtype, cases, generator):
    layout = cases.layout("shared", generator)
    assert cases.error("triton", layout, generator, dtype, 64, bias=bias, device="cuda") < TOLERANCE[dtype]


@pytest.mark.parametrize("bias", ["none", "ragged", "relative", "points"])
def test_runs_repeat_bit_by_bit(bias, cases, generator):
    layout = cases.layout("shared", generator).to("cuda")
    rows = [r.detach().cuda().requires_grad_() for r in cases.rows(layout, generator, torch.bfloat16, 4, 64)]
    tensors, make = cases.bias(bias, layout.to("cpu"), generator, heads=4)
    on = ([t.detach().cuda().requires_grad_() for t in tensors], make)
    runs = [cases.gradients(attention, rows, layout, 1, bias=on, backend="triton") for _ in range(20)]
    assert all(torch.equal(x, y) for run in runs[1:] for x, y in zip(run, runs[0], strict=True))
