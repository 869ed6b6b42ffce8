"""Backend: whether a call goes to its Triton kernel or to PyTorch, by one rule for all; does not import Triton."""

import os
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

TYPES = (torch.float32, torch.float16, torch.bfloat16)  # of what Triton kernels take


def why_not(rows: Tensor) -> str | None:
    """Why no Triton kernel can take a tensor like this one here, and what to do; None if some can."""
    if rows.dtype not in TYPES:
        return f"does not compute in {rows.dtype}. Convert to float32, float16 or bfloat16."
    if not _installed():
        return "needs Triton. Install foundation-science[gpu]."
    if rows.is_cuda:
        return None
    if os.environ.get("TRITON_INTERPRET") != "1":
        return f"needs a GPU, and got {rows.device}. Move it there, or set TRITON_INTERPRET=1 to interpret the kernels."
    if rows.dtype == torch.bfloat16:
        return "is interpreted here, and Triton's interpreter is wrong on bfloat16. Use float32 or float16."
    return None


def takes_triton(name: str, backend: str, rows: Tensor, *others: Tensor | None, able: bool = True) -> bool:
    """True for the Triton kernel: always if asked for, and by itself on CUDA for types and shapes it knows.

    Args:
        name: of the operator, for errors.
        backend: "auto", "torch" or "triton".
        rows: the tensor whose device and type decide.
        others: must lie on the same device.
        able: whether the kernel knows the shapes.

    Raises:
        ValueError: an unknown backend, several devices, or Triton asked for where it cannot run.
    """
    if backend not in ("auto", "torch", "triton"):
        raise ValueError(f"{name}: backend is {backend!r}. Give 'auto', 'torch' or 'triton'.")
    if any(other is not None and other.device != rows.device for other in others):
        devices = sorted({str(x.device) for x in (rows, *others) if x is not None})
        raise ValueError(f"{name}: tensors are on {' and '.join(devices)}. Move all of them to one device.")
    if backend == "auto":
        return able and rows.is_cuda and why_not(rows) is None
    if backend == "triton" and (reason := why_not(rows)) is not None:
        raise ValueError(
            f"{name}: backend='triton' got {rows.dtype} on {rows.device}, but {reason} Or take backend='torch'."
        )
    return backend == "triton"


@cache
def _installed() -> bool:
    return find_spec("triton") is not None
