"""links: how fast ranks add up a vector together, and whether the sum is right."""

import os
import socket
import time
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, multiprocessing
from torch.multiprocessing.spawn import ProcessException, spawn

from foundation.doctor.finding import Finding
from foundation.processes import together

PATIENCE = timedelta(seconds=60)
LOCAL = 2  # processes to try with where torchrun started none
REPEATS = 5
SLOW = 1e9  # bytes per second below which gradients will hold up training on several machines


def between_ranks(size: int) -> list[Finding]:
    """The links of the processes that torchrun started, inside `foundation.processes.together`; GPUs' over NCCL too."""
    backends = ["gloo", *["nccl"] * torch.cuda.is_available()]
    return [_tried(f"links of {distributed.get_world_size()} ranks, {name}", name, size) for name in backends]


def on_this_machine(size: int) -> list[Finding]:
    """The same between processes that are started for it: two, or one for each GPU."""
    queue = multiprocessing.get_context("spawn").SimpleQueue()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = max(LOCAL, torch.cuda.device_count())
    try:
        spawn(_one, (processes, port, size, queue), nprocs=processes)
    except ProcessException as error:
        return [_failed(f"links of {processes} processes", error)]
    return queue.get()


def _one(rank: int, world: int, port: int, size: int, queue: Any) -> None:  # noqa: ANN401 - of multiprocessing
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    with together(PATIENCE):
        found = between_ranks(size)
    if rank == 0:
        queue.put(found)


def _tried(what: str, backend: str, size: int) -> Finding:
    try:
        right, rate = _all_reduce(backend, size)
    except RuntimeError as error:
        return _failed(what, error)
    if not right:
        return Finding(what, "bad", "a sum over ranks is wrong", "Test memory and network of the machines.")
    several = distributed.get_world_size() > int(os.environ.get("LOCAL_WORLD_SIZE", distributed.get_world_size()))
    slow = several and rate < SLOW
    remedy = (
        "Name the fast network: NCCL_SOCKET_IFNAME or GLOO_SOCKET_IFNAME; see also NCCL_DEBUG=INFO." if slow else ""
    )
    return Finding(what, "look" if slow else "good", f"{rate / 1e9:.1g} GB/s", remedy)


def _all_reduce(backend: str, size: int) -> tuple[bool, float]:
    """Whether the sum is right, and bytes per second that a rank sends; the same on all ranks, by the slowest."""
    world, group = distributed.get_world_size(), distributed.new_group(backend=backend)
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if backend == "nccl" else torch.device("cpu")
    vector = torch.full((size // 4,), float(distributed.get_rank() + 1), device=device)
    wanted, right, best = world * (world + 1) / 2, True, float("inf")
    for _ in range(REPEATS):
        copy = vector.clone()
        distributed.barrier()
        start = time.perf_counter()
        distributed.all_reduce(copy, group=group)
        right &= bool((copy == wanted).all())  # waits for the GPU too
        best = min(best, time.perf_counter() - start)
    worst = torch.tensor([best, float(not right)])
    distributed.all_reduce(worst, distributed.ReduceOp.MAX)
    return not bool(worst[1]), 2 * (world - 1) / world * size / float(worst[0])


def _failed(what: str, error: Exception) -> Finding:
    reason = str(error).strip().splitlines()[-1]
    return Finding(what, "bad", reason, "Do firewalls let the ranks reach MASTER_ADDR and each other?")
