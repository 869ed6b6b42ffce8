"""HEALPix cells of positions on the sky, in the nested order (Gorski et al. 2005, ApJ 622, 759)."""

import numpy as np
from jaxtyping import Float, Int

from foundation.errors import FoundationError

LARGEST = 2**29  # of nside whose cells an int64 can number


def cells(ra: Float[np.ndarray, "n"], dec: Float[np.ndarray, "n"], nside: int) -> Int[np.ndarray, "n"]:
    """Number of the cell, from 0 to 12 nside^2 - 1, of each position.

    Args:
        ra: degrees, of any turn.
        dec: degrees.
        nside: divisions of each side of the twelve base cells, a power of two.

    Raises:
        FoundationError: another nside, or a position that is none.
    """
    if not 1 <= nside <= LARGEST or nside & (nside - 1):
        raise FoundationError(f"HEALPix nside {nside}. Give a power of two up to {LARGEST}.")
    if not (np.isfinite(ra) & (np.abs(dec) <= 90)).all():
        raise FoundationError("HEALPix cells of positions beyond a pole or without numbers. Leave those objects out.")
    height, turn = np.sin(np.radians(dec)), (np.asarray(ra, np.float64) % 360) / 90  # quarters of the circle
    face, x, y = np.where(np.abs(height) <= 2 / 3, _equator(height, turn, nside), _pole(height, turn, nside))
    return face * nside**2 + _interleaved(x, y)


def _equator(height: np.ndarray, turn: np.ndarray, nside: int) -> np.ndarray:
    """Face and place along its two sides, int64 [3, n], where cells lie on straight lines of (turn, height)."""
    up, down = nside * (0.5 + turn) - nside * height * 0.75, nside * (0.5 + turn) + nside * height * 0.75
    rising, falling = np.floor(up).astype(np.int64), np.floor(down).astype(np.int64)
    north, south = rising // nside, falling // nside
    face = np.where(north == south, north % 4 + 4, np.where(north < south, north % 4, south % 4 + 8))
    return np.stack([face, falling % nside, nside - 1 - rising % nside])


def _pole(height: np.ndarray, turn: np.ndarray, nside: int) -> np.ndarray:
    """The same around the poles, where cells narrow with the square root of the distance."""
    quarter = np.minimum(np.floor(turn), 3).astype(np.int64)
    distance = nside * np.sqrt(np.maximum(3 * (1 - np.abs(height)), 0))
    part = turn - quarter
    rising = np.minimum(np.floor(part * distance), nside - 1).astype(np.int64)
    falling = np.minimum(np.floor((1 - part) * distance), nside - 1).astype(np.int64)
    north = height > 0
    face = np.where(north, quarter, quarter + 8)
    x, y = np.where(north, nside - 1 - falling, rising), np.where(north, nside - 1 - rising, falling)
    return np.stack([face, x, y])


def _interleaved(x: Int[np.ndarray, "n"], y: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
    """The bits of x and y in turn, those of x first from below."""
    return sum((((x >> b) & 1) << (2 * b)) | (((y >> b) & 1) << (2 * b + 1)) for b in range(30))  # type: ignore[return-value]
