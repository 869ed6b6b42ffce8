"""seeded: chance of one's own for a while, for what draws from torch's global generator, such as initial weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw on the CPU from this seed inside; the global generator goes on afterwards as if nothing had been drawn."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        yield
