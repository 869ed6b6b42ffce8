"""Inference: where CPU operators that have no gradient may stand in for PyTorch's."""

import torch
from torch import Tensor


def infers_on_cpu(*tensors: Tensor) -> bool:
    """Whether all are float32 on a CPU, and nothing records gradients, rounds or compiles."""
    return (
        all(t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors)
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )
