"""processes: the processes that torchrun started together, and how they wait for each other."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import torch
from torch import distributed

from foundation.errors import FoundationError

SIGNAL_AT_DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def place() -> tuple[int, int]:
    """Rank of this process and number of all, as torchrun told; (0, 1) for a process alone.

    Raises:
        FoundationError: the environment has one without the other.
    """
    rank, world = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
    if (rank is None) != (world is None):
        raise FoundationError(f"The environment has RANK = {rank} and WORLD_SIZE = {world}. Start with torchrun.")
    return (int(rank), int(world)) if rank is not None and world is not None else (0, 1)


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def end_with_parent(worker: int = 0) -> None:
    """For workers of loaders (`worker_init_fn`): die with the process that started them, where Linux can see to it.

    A worker is a copy of its rank, sockets included. One that outlived a killed rank would hold them open, and the
    other ranks would wait for an answer until they give up; and it may wait forever for somebody to read its batches.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SIGNAL_AT_DEATH_OF_PARENT, signal.SIGKILL)
        parent = multiprocessing.parent_process()
        if parent is not None and os.getppid() != parent.pid:  # it died before the call
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def together(patience: timedelta) -> Iterator[tuple[int, int]]:
    """A meeting of all processes over gloo while the context lasts; yields `place()`. A process alone meets nobody.

    Args:
        patience: how long a process waits for the others before it gives up. One that died is noticed at once.
    """
    rank, world = place()
    if world == 1:
        yield rank, world
        return
    distributed.init_process_group("gloo", timeout=patience)
    try:
        yield rank, world
        _part(rank, world)
    finally:
        distributed.destroy_process_group()


def _part(rank: int, world: int) -> None:
    """Let rank 0 leave last: what the others still read of it must not be cut off."""
    nothing = torch.zeros(1)
    if rank:
        distributed.send(nothing, 0)
        return
    for other in range(1, world):
        with suppress(RuntimeError):  # it may have left already
            distributed.recv(nothing, other)


def of_first(make: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it makes
    """What `make` gives on rank 0, on all ranks; or its error, which all of them raise."""
    rank, world = place()
    if world == 1:
        return make()
    made: list[Any] = [None]
    if rank == 0:
        try:
            made = [make()]
        except FoundationError as error:
            made = [error]
    with _death_explained():
        distributed.broadcast_object_list(made)
    if isinstance(made[0], FoundationError):
        raise made[0]
    return made[0]


def arrived() -> Callable[[], bool]:
    """Tell the others that this process is done; the result says whether all are.

    Calling it raises a FoundationError as soon as one of them has died.
    """
    if place()[1] == 1:
        return lambda: True
    work = distributed.barrier(async_op=True)

    def all_are() -> bool:
        if work is None or not work.is_completed():
            return work is None
        with _death_explained():
            work.wait()
        return True

    return all_are


@contextmanager
def _death_explained() -> Iterator[None]:
    """Turn the error of a lost connection into a sentence."""
    try:
        yield
    except RuntimeError as error:
        raise FoundationError(f"Another process of this job has died, and said why ({error}).") from error
