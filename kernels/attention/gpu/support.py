"""What the attention kernels serve; does not import Triton."""

from torch import Tensor

from foundation.kernels import backend

HEADS = (32, 64, 80, 88, 96, 128)  # head dims


def why_not(rows: Tensor) -> str | None:
    """Why the kernels cannot serve rows [T, heads, dim] like these, and what to do; None if they can."""
    if rows.shape[-1] not in HEADS:
        return f"has no kernel for a head dim of {rows.shape[-1]}. Choose one of {', '.join(map(str, HEADS))}."
    return backend.why_not(rows)
