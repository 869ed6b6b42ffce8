"""Puts the arms of a spectrograph into one spectrum: joined exactly on the lattice they share, or as segments."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from foundation.data.records import RecordError, Spectrum

OFF_LATTICE = 0.01  # of a step: how far a wavelength may lie from its lattice point


def join(arms: Sequence[Spectrum], step: float) -> Spectrum:
    """One spectrum on the lattice of `step` Å that all arms share; where they overlap, the weighted mean.

    Weights are inverse variances. A bad pixel contributes only where no arm has a good one, and stays bad there; so
    sum(ivar) and sum(ivar * flux) of the good pixels are conserved. `mask` is the union of the bits. No resampling.

    Raises:
        RecordError: the arms do not lie on one lattice.
    """
    start = min(float(arm.wavelength[0]) for arm in arms)
    index = [_on_lattice(arm.wavelength, start, step) for arm in arms]
    grid = np.flatnonzero(np.bincount(np.concatenate(index)))  # np.unique, without its sort
    index = [np.searchsorted(grid, i) for i in index]

    def total(parts: Sequence[np.ndarray]) -> np.ndarray:
        summed = np.zeros(len(grid))
        for i, part in zip(index, parts, strict=True):
            summed[i] += part
        return summed

    def union(parts: Sequence[np.ndarray]) -> np.ndarray:
        united = np.zeros(len(grid), parts[0].dtype)
        for i, part in zip(index, parts, strict=True):
            united[i] |= part
        return united

    def each(name: str) -> list[np.ndarray]:
        return [np.asarray(getattr(arm, name)) for arm in arms]

    any_good = union(each("usable"))
    # float64, so that a pixel of one arm comes out as it went in
    weights = [np.where(any_good[i] & arm.bad, 0, arm.ivar.astype("f8")) for i, arm in zip(index, arms, strict=True)]
    ivar = total(weights)
    divisor = np.where(ivar > 0, ivar, 1)
    sigma = [np.zeros(len(arm.flux)) if arm.lsf_sigma is None else arm.lsf_sigma for arm in arms]
    lsf_sigma = total([w * s for w, s in zip(weights, sigma, strict=True)]) / divisor
    return replace(
        arms[0],
        wavelength=start + step * grid,
        flux=total([w * arm.flux for w, arm in zip(weights, arms, strict=True)]) / divisor,
        ivar=ivar,
        mask=union(each("mask")),
        bad=union(each("bad")) & ~any_good,
        segment=None,
        lsf_sigma=lsf_sigma if lsf_sigma.any() else None,
    )


def segments(arms: Sequence[Spectrum]) -> Spectrum:
    """The arms one after the other, as segments 0, 1, ...; overlaps stay twice."""
    names = ("wavelength", "flux", "ivar", "mask", "bad")
    with_lsf = all(arm.lsf_sigma is not None for arm in arms)
    return replace(
        arms[0],
        **{name: np.concatenate([getattr(arm, name) for arm in arms]) for name in names},
        segment=np.repeat(np.arange(len(arms)), [len(arm.flux) for arm in arms]),
        lsf_sigma=np.concatenate([arm.lsf_sigma for arm in arms if arm.lsf_sigma is not None]) if with_lsf else None,
    )


def _on_lattice(wavelength: np.ndarray, start: float, step: float) -> np.ndarray:
    exact = (wavelength - start) / step
    index = np.rint(exact).astype(np.int64)
    if np.abs(exact - index).max() > OFF_LATTICE:
        raise RecordError(f"The arms do not lie on one lattice of {step} Å. Keep them apart with `segments=True`.")
    return index
