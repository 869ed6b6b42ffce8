"""Launch: the tile sizes of each kernel by head dim, type and bias; a fixed table, so that no step is spent tuning.

Chosen so that, compiled for an H100, nothing spills, products run on the tensor cores of a warp group (both sides of a
tile at least 64) and loads are asynchronous; tests/kernels/compiled holds what they compile to.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Launch:
    """One kernel's tile and how it is run.

    Args:
        queries: rows of a tile.
        keys: rows of a block of keys.
        warps: of a program.
        stages: loads in flight plus one.
    """

    queries: int
    keys: int
    warps: int
    stages: int


@dataclass(frozen=True)
class Launches:
    """Of the three kernels of one call."""

    forward: Launch
    backward_queries: Launch
    backward_keys: Launch


def launches(dim: int, bytes_each: int, extra: int) -> Launches:
    """For heads of `dim` columns of `bytes_each` bytes and `extra` columns of points."""
    if bytes_each == 4:
        return Launches(Launch(64, 64, 8, 2), Launch(64, 64, 8, 2), Launch(64, 64, 8, 2))
    if extra or dim > 96:
        return Launches(Launch(128, 64, 8, 2), Launch(64, 64, 8, 2), Launch(64, 64, 8, 2))
    return Launches(Launch(128, 64, 8, 3), Launch(128, 64, 8, 2), Launch(64, 64, 8, 2))
