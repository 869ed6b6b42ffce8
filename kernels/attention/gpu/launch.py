"""Launch: the tile sizes of each kernel by head dim, type and bias; a fixed table, so that no step is spent tuning.

Chosen so that, compiled for an H100 and an A100, nothing spills, loads are asynchronous, and products in half precision
run on an H100 as those of a warp group; tests/kernels/compiled holds what they compile to.
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


def parts(dim: int, bytes_each: int) -> tuple[int, int]:
    """Widths of the two parts in which a head's columns are read, the last one masked: tiles are powers of two.

    Splitting 88 into 64 + 32 costs 9 % of the arithmetic instead of 45 %; float32 is short of registers instead.
    """
    if bytes_each == 4 or dim in (32, 64, 128):
        return max(32, 1 << (dim - 1).bit_length()), 0
    return 64, 32


def launches(dim: int, bytes_each: int, extra: int, terms: bool) -> Launches:
    """For heads of `dim` columns of `bytes_each` bytes, `extra` columns of points, and `terms`: any bias, or kinds."""
    main, tail = parts(dim, bytes_each)
    if bytes_each == 4:
        return SINGLE_WITH_TERMS if terms else SINGLE[main]
    if terms:
        return Launches(Launch(128, 64, 8, 2), Launch(64, 32, 8, 2), Launch(16 if extra else 32, 64, 8, 2))
    if tail:
        return Launches(Launch(128, 64, 8, 3), Launch(128, 32, 8, 2), Launch(32, 64, 8, 2))
    if dim == 128:
        return Launches(Launch(128, 64, 8, 2), Launch(64, 64, 8, 2), Launch(64, 64, 8, 2))
    return Launches(Launch(128, 64, 8, 3), Launch(128, 64, 8, 2), Launch(64, 64, 8, 2))


SINGLE = {  # float32: each product is three, of operands split into parts that take twice the registers
    32: Launches(Launch(32, 32, 4, 2), Launch(32, 32, 4, 2), Launch(16, 32, 4, 2)),
    64: Launches(Launch(32, 32, 4, 2), Launch(32, 32, 8, 2), Launch(32, 32, 8, 2)),
    128: Launches(Launch(32, 32, 8, 2), Launch(16, 32, 8, 2), Launch(16, 16, 8, 2)),
}
SINGLE_WITH_TERMS = Launches(Launch(32, 32, 4, 2), Launch(16, 16, 4, 2), Launch(16, 16, 8, 2))
