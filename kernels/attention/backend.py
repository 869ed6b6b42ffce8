"""Which path attention takes: said in the call, or around it for a model that is already built."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, get_args

from torch import Tensor

from foundation.kernels.attention.gpu.support import why_not

Backend = Literal["auto", "reference", "sdpa", "triton"]

_chosen: ContextVar[str] = ContextVar("attention backend", default="auto")


@contextmanager
def use_backend(backend: str) -> Iterator[None]:
    """Every attention inside that does not name a backend takes this one; other threads are not affected.

    Example:
        with use_backend("reference"):
            states = model(batch)

    Raises:
        ValueError: there is no such backend.
    """
    _check_name(backend)
    before = _chosen.set(backend)
    try:
        yield
    finally:
        _chosen.reset(before)


def choose(backend: str, rows: Tensor) -> str:
    """The path to take for rows like these, never "auto": Triton for what its kernels serve on a GPU, else sdpa.

    Raises:
        ValueError: there is no such backend, or it cannot serve the request.
    """
    _check_name(backend)
    backend = _chosen.get() if backend == "auto" else backend
    if backend == "auto":
        return "triton" if rows.device.type == "cuda" and why_not(rows) is None else "sdpa"
    if backend == "triton" and (reason := why_not(rows)) is not None:
        raise ValueError(f"attention: backend='triton' {reason} Or take backend='sdpa'.")
    return backend


def _check_name(backend: str) -> None:
    if backend not in get_args(Backend):
        raise ValueError(f"attention: no backend {backend!r}; there are {', '.join(get_args(Backend))}.")
