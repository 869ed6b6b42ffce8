"""What the Triton kernels serve; does not import Triton."""

import os
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

HEADS = (32, 64, 80, 88, 96, 128)  # head dims

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def why_not(q: Tensor) -> str | None:
    """Why the kernels cannot serve queries [Tq, heads, dim] like these, and what to do; None if they can."""
    if q.shape[-1] not in HEADS:
        return f"has no kernel for a head dim of {q.shape[-1]}. Choose one of {', '.join(map(str, HEADS))}."
    if q.dtype not in DTYPES:
        return f"does not compute in {q.dtype}. Convert to float32, float16 or bfloat16."
    if not _installed():
        return "needs Triton. Install foundation-science[gpu]."
    if q.device.type == "cuda":
        return None
    if os.environ.get("TRITON_INTERPRET") != "1":
        return (
            f"needs a GPU, and q is on {q.device}. Move it there, or set TRITON_INTERPRET=1 to interpret the kernels."
        )
    if q.dtype == torch.bfloat16:
        return "is interpreted here, and the interpreter computes bfloat16 wrongly. Use float32 or float16."
    return None


@cache
def _installed() -> bool:
    return find_spec("triton") is not None
