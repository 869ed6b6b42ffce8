"""Spectra on their own grid as patches of pixels, which a model over spectra of all surveys reads (arXiv:2510.17959).

Nothing is resampled. A patch lies in one segment (arm, chip or camera); the last of a segment is filled with invalid
pixels; a patch with too few valid pixels is left out, so that nothing is padded later. What lies under invalid pixels
does not reach the patches, and flux and noise are divided by one positive scale, so that units do not matter.
"""

from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foundation.data.records import Spectrum
from foundation.tokenizers.base import TokenizerError

NORMAL = 1.4826  # standard deviations of a normal distribution in its median absolute deviation
Scale = Literal["robust", "median"]


@dataclass(frozen=True)
class NativeConfig:
    """How a spectrum is cut.

    Args:
        patch: pixels of a patch.
        least_valid: fraction of a patch that must be valid; padding is not.
        scale: what flux and noise are divided by: "robust", the root of median^2 + scatter^2, which is positive
            whatever the median; or "median", as published, which refuses spectra whose median is not positive.

    Raises:
        TokenizerError: values that make no patches.
    """

    patch: int = 32
    least_valid: float = 0.5
    scale: Scale = "robust"

    def __post_init__(self) -> None:
        if self.patch < 1 or not 0 < self.least_valid <= 1 or self.scale not in get_args(Scale):
            raise TokenizerError(
                f"patches of {self.patch} pixels, {self.least_valid} of them valid, scale {self.scale!r}. Give 1 pixel "
                f"or more, a fraction above 0 and up to 1, and one of {', '.join(get_args(Scale))}."
            )


@dataclass(frozen=True, eq=False)
class Patches:
    """The P patches of one spectrum, of W pixels each.

    Args:
        value: float32 [P, W], flux over scale; 0 where invalid.
        sigma: float32 [P, W], noise over scale; 0 where invalid.
        valid: bool [P, W].
        wavelength: float64 [P, W], vacuum Å; goes on in equal steps where the last patch of a segment is filled.
        lsf: float32 [P, W], sigma of the line spread in Å; 0 where unknown.
        pixel: int64 [P, W], pixel of the record; -1 where filled.
        scale: of the flux, in the unit of the record.
    """

    value: Float[Tensor, "P W"]
    sigma: Float[Tensor, "P W"]
    valid: Bool[Tensor, "P W"]
    wavelength: Float[Tensor, "P W"]
    lsf: Float[Tensor, "P W"]
    pixel: Int[Tensor, "P W"]
    scale: float

    def __len__(self) -> int:
        return len(self.value)

    def select(self, which: Bool[Tensor, "P"]) -> "Patches":
        """Some of the patches."""
        parts: dict[str, Tensor] = {f.name: getattr(self, f.name)[which] for f in fields(self) if f.name != "scale"}
        return Patches(**parts, scale=self.scale)


def patches_if_any(spectrum: Spectrum, config: NativeConfig) -> Patches | None:
    """As `patches_of`, but None for a spectrum without anything valid in it."""
    try:
        return patches_of(spectrum, config)
    except TokenizerError:
        return None


def patches_of(spectrum: Spectrum, config: NativeConfig) -> Patches:
    """Cut a spectrum.

    Raises:
        TokenizerError: no patch has enough valid pixels, or the median is not positive where it is the scale.
    """
    pixel = _pixels(spectrum, config.patch)
    there, at = pixel >= 0, np.maximum(pixel, 0)
    valid = there & spectrum.usable[at]
    keep = valid.sum(1) >= config.least_valid * config.patch
    if not keep.any():
        raise TokenizerError(
            f"spectrum of {spectrum.survey or 'unknown survey'}: no patch of {config.patch} pixels has "
            f"{config.least_valid:.0%} of them valid. Leave it out."
        )
    pixel, at, valid = pixel[keep], at[keep], valid[keep]
    scale = scale_of(spectrum, config.scale)
    sigma = np.divide(
        1, np.sqrt(spectrum.ivar, dtype=np.float64), out=np.zeros(len(spectrum.ivar)), where=spectrum.ivar > 0
    )
    lsf = np.zeros(len(spectrum.flux)) if spectrum.lsf_sigma is None else spectrum.lsf_sigma
    return Patches(
        torch.from_numpy(np.where(valid, spectrum.flux[at] / scale, 0)).float(),
        torch.from_numpy(np.where(valid, sigma[at] / scale, 0)).float(),
        torch.from_numpy(valid),
        torch.from_numpy(_wavelength(spectrum, pixel)),
        torch.from_numpy(np.where(pixel >= 0, lsf[at], 0)).float(),
        torch.from_numpy(pixel),
        scale,
    )


def scale_of(spectrum: Spectrum, kind: Scale) -> float:
    """What flux and noise are divided by, in the unit of the spectrum; positive, and twice as large for twice the flux.

    Raises:
        TokenizerError: the kind is "median", and the median of the usable pixels is not positive.
    """
    flux = spectrum.flux[spectrum.usable].astype(np.float64)
    middle = float(np.median(flux)) if len(flux) else 0.0
    if kind == "median":
        if middle <= 0:
            raise TokenizerError(f"the median flux is {middle:.3g}, and no scale. Use the scale 'robust'.")
        return middle
    scale = float(np.hypot(middle, NORMAL * np.median(np.abs(flux - middle)))) if len(flux) else 0.0
    if scale > 0:
        return scale
    noise = spectrum.ivar[spectrum.usable]  # flux is 0 in most pixels
    return float(np.median(noise.astype(np.float64) ** -0.5)) if len(noise) else 1.0


def rebuilt(patches: Patches, value: Float[Tensor, "P W"], pixels: int) -> np.ndarray:
    """Flux float32 [pixels] of a record from values at its patches; NaN where there was no patch."""
    flux = np.full(pixels, np.nan, np.float32)
    there = patches.pixel >= 0
    flux[patches.pixel[there].numpy()] = (value[there].double() * patches.scale).numpy()
    return flux


def _pixels(spectrum: Spectrum, width: int) -> np.ndarray:
    """int64 [P, width]: the pixels of each patch; -1 after the end of a segment."""
    segment = np.asarray(spectrum.segment)
    breaks = np.flatnonzero((np.diff(segment) != 0) | (np.diff(spectrum.wavelength) <= 0)) + 1
    runs = np.split(np.arange(len(spectrum.flux)), breaks)
    filled = [np.pad(run, (0, -len(run) % width), constant_values=-1) for run in runs]
    return np.concatenate(filled).reshape(-1, width)


def _wavelength(spectrum: Spectrum, pixel: np.ndarray) -> np.ndarray:
    """float64 [P, W]: beyond the last pixel of a segment on in equal steps, so that positions stay those of a grid."""
    count = (pixel >= 0).sum(1)
    last = pixel[np.arange(len(pixel)), count - 1]
    before = np.maximum(last - 1, 0)
    step = np.where(count > 1, spectrum.wavelength[last] - spectrum.wavelength[before], 0)
    beyond = np.arange(pixel.shape[1]) - (count - 1)[:, None]
    grid = spectrum.wavelength[np.maximum(pixel, 0)]
    return np.where(pixel >= 0, grid, spectrum.wavelength[last][:, None] + step[:, None] * beyond)
