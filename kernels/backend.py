"""Backend: whether a call goes to its Triton kernel or to PyTorch, by one rule for all kernels."""

import os

import torch
from torch import Tensor

KINDS = (torch.float32, torch.bfloat16, torch.float16)  # of what Triton kernels take


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
        return able and rows.is_cuda and rows.dtype in KINDS
    if backend == "triton":
        _check_triton(name, rows)
    return backend == "triton"


def _check_triton(name: str, rows: Tensor) -> None:
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if not (rows.is_cuda or interpreted):
        raise ValueError(f"{name}: backend 'triton' got a tensor on {rows.device}. Move it to CUDA, or use 'auto'.")
    if rows.dtype not in KINDS:
        raise ValueError(f"{name}: backend 'triton' got {rows.dtype}. Give float32, bfloat16, float16, or use 'torch'.")
    if interpreted and rows.dtype == torch.bfloat16:
        raise ValueError(f"{name}: Triton's interpreter is wrong on bfloat16. Give float32 or float16 there.")
