"""devices: GPUs that torch can use, and those that it cannot."""

import shutil
from collections.abc import Iterator

import torch

from foundation.doctor.finding import Finding

GIB = 2**30
OLDEST = (8, 0)  # compute capability from which on bfloat16 is fast


def devices() -> Iterator[Finding]:
    """A finding for each GPU, or why there is none."""
    if torch.cuda.is_available():
        yield from map(_gpu, range(torch.cuda.device_count()))
    elif shutil.which("nvidia-smi") is None:
        yield Finding("GPU", "look", "none; training runs on the CPU", "Fine for configs named small, no others.")
    elif torch.version.cuda is None:
        built = f"torch {torch.__version__} is built for the CPU, but there is an NVIDIA driver"
        yield Finding("GPU", "bad", built, "Install a torch built for CUDA: https://pytorch.org/get-started.")
    else:
        built = f"torch is built for CUDA {torch.version.cuda} and sees no GPU"
        yield Finding("GPU", "bad", built, "Compare with `nvidia-smi`: driver too old, or CUDA_VISIBLE_DEVICES empty.")


def _gpu(index: int) -> Finding:
    properties = torch.cuda.get_device_properties(index)
    free, total = torch.cuda.mem_get_info(index)
    found = f"{properties.name}, {free / GIB:.0f} of {total / GIB:.0f} GiB free"
    if (properties.major, properties.minor) < OLDEST:
        return Finding(f"GPU {index}", "look", found, "Use `--trainer.precision 32-true`: bfloat16 is slow on it.")
    if free < 0.9 * total:
        return Finding(f"GPU {index}", "look", found, "Another process uses it: see `nvidia-smi`.")
    return Finding(f"GPU {index}", "good", found)
