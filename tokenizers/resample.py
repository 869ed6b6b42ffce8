"""Resampling of a spectrum onto a regular grid: inside its segments, from usable pixels only, never beyond them."""

from collections.abc import Iterator

import numpy as np

GAP = 10  # a step this many times the median one is a gap, across which nothing is interpolated
ALIGNED = 1e-6  # of a pixel; a grid point this close to a pixel needs no second neighbour


def interpolate(
    wavelength: np.ndarray, flux: np.ndarray, istd: np.ndarray, segment: np.ndarray, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Linear interpolation of flux and of 1 / sigma; where pieces overlap, their inverse-variance mean.

    Args:
        wavelength: float64 [n], increasing inside each segment.
        flux: [n], ignored where istd is 0.
        istd: [n], 1 / sigma; 0 = unusable.
        segment: int [n].
        grid: float64 [m], increasing.

    Returns:
        flux and istd on the grid, float64 [m]; both 0 where a neighbour is unusable or absent.
    """
    total, weight = np.zeros(len(grid)), np.zeros(len(grid))
    for piece in _pieces(wavelength, segment):
        value, sharpness, inside = _interpolate(wavelength[piece], flux[piece], istd[piece], grid)
        total[inside] += sharpness**2 * value
        weight[inside] += sharpness**2
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0), np.sqrt(weight)


def _interpolate(
    wavelength: np.ndarray, flux: np.ndarray, istd: np.ndarray, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray, slice]:
    first, last = np.searchsorted(grid, wavelength[0] - ALIGNED), np.searchsorted(grid, wavelength[-1] + ALIGNED)
    points = grid[first:last]
    left = np.clip(np.searchsorted(wavelength, points, side="right") - 1, 0, max(len(wavelength) - 2, 0))
    right = np.minimum(left + 1, len(wavelength) - 1)
    width = np.maximum(wavelength[right] - wavelength[left], ALIGNED)
    fraction = np.clip((points - wavelength[left]) / width, 0, 1)
    usable = ((istd[left] > 0) | (fraction > 1 - ALIGNED)) & ((istd[right] > 0) | (fraction < ALIGNED))
    flux = np.where(istd > 0, flux, 0)
    value = (1 - fraction) * flux[left] + fraction * flux[right]
    sharpness = (1 - fraction) * istd[left] + fraction * istd[right]
    return value, np.where(usable, sharpness, 0), slice(first, last)


def _pieces(wavelength: np.ndarray, segment: np.ndarray) -> Iterator[slice]:
    """Runs of pixels of one segment without a gap."""
    step = np.diff(wavelength)
    inside = step[np.diff(segment) == 0]
    widest = GAP * np.median(inside) if len(inside) else np.inf
    bounds = np.flatnonzero((np.diff(segment) != 0) | (step > widest)) + 1
    for start, stop in zip([0, *bounds], [*bounds, len(wavelength)], strict=True):
        yield slice(int(start), int(stop))


def rebin(
    wavelength: np.ndarray, flux: np.ndarray, istd: np.ndarray, segment: np.ndarray, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Inverse-variance mean of the pixels in each cell of an even grid, each pixel shared among the cells it covers.

    For a grid coarser than the pixels: it keeps the information that interpolation would throw away. Arguments and
    result as of `interpolate`; a pixel wider than a cell counts in the cells of its two edges only.
    """
    step = grid[1] - grid[0]
    total, weight = np.zeros(len(grid) + 2), np.zeros(len(grid) + 2)
    for piece in _pieces(wavelength, segment):
        used = istd[piece] > 0
        if not used.any():
            continue
        low, high = ((e[used] - grid[0]) / step + 0.5 for e in _edges(wavelength[piece]))
        ivar = istd[piece][used].astype(np.float64) ** 2
        value = flux[piece][used] * ivar
        first, last = np.floor(low), np.floor(high)
        upper = np.where(last > first, (high - last) / (high - low), 0)  # share of the second cell
        for cell, share in ((first, 1 - upper), (last, upper)):
            index = np.clip(cell + 1, 0, len(grid) + 1).astype(np.int64)  # the two outer cells collect what is outside
            total += np.bincount(index, value * share, len(total))
            weight += np.bincount(index, ivar * share, len(weight))
    total, weight = total[1:-1], weight[1:-1]
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0), np.sqrt(weight)


def _edges(wavelength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge of each pixel: half-way to its neighbours."""
    if len(wavelength) == 1:
        return wavelength - ALIGNED, wavelength + ALIGNED
    middle = (wavelength[1:] + wavelength[:-1]) / 2
    low = np.concatenate([[2 * wavelength[0] - middle[0]], middle])
    high = np.concatenate([middle, [2 * wavelength[-1] - middle[-1]]])
    return low, high
