"""SpectralBatch: patches of several spectra laid end to end without padding, and the grids that are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foundation.errors import FoundationError
from foundation.kernels.attention import AttentionLayout
from foundation.kernels.attention.segments import segment_of
from foundation.movable import Movable
from foundation.tokenizers.native import Patches

FAR = 64.0  # between spectra, in ln(wavelength), where places of several are searched as one: more than any holds


@dataclass(frozen=True, eq=False)
class Grid(Movable):
    """Wavelengths of T patches of N spectra: what a decoder is asked for.

    Args:
        wavelength: float64 [T, W], vacuum Å; float32 would lose the phase of a wavelength code.
        lsf: float32 [T, W], sigma of the line spread in Å; 0 = unknown.
        offsets: int64 [N + 1], patches of each spectrum.
    """

    wavelength: Float[Tensor, "T W"]
    lsf: Float[Tensor, "T W"]
    offsets: Int[Tensor, "bounds"]

    @classmethod
    def of(cls, grids: Sequence[np.ndarray], width: int, lsf: Sequence[np.ndarray] | None = None) -> "Grid":
        """Any increasing wavelengths in vacuum Å, one array a spectrum, cut into patches of `width` pixels.

        Raises:
            FoundationError: a grid is empty or does not increase.
        """
        parts, spread = [], []
        for i, grid in enumerate(grids):
            if len(grid) < 1 or (np.diff(grid) <= 0).any() or grid[0] <= 0:
                raise FoundationError(
                    f"grid {i} of {len(grid)} wavelengths does not increase. Give vacuum Å, ascending."
                )
            step = grid[-1] - grid[-2] if len(grid) > 1 else 1.0
            beyond = grid[-1] + step * np.arange(1, -len(grid) % width + 1)
            parts.append(np.concatenate([grid, beyond]).reshape(-1, width))
            sigma = np.zeros(len(grid)) if lsf is None else lsf[i]
            spread.append(np.pad(sigma, (0, len(beyond)), mode="edge").reshape(-1, width))
        offsets = torch.tensor([0, *map(len, parts)]).cumsum(0)
        wavelength = torch.from_numpy(np.concatenate(parts)).double()
        return cls(wavelength, torch.from_numpy(np.concatenate(spread)).float(), offsets)

    @cached_property
    def layout(self) -> AttentionLayout:
        """Patches of a spectrum see each other."""
        return AttentionLayout.packed(self.offsets, self._zeros)

    def reads(self, other: "Grid") -> AttentionLayout:
        """These patches see all patches of the same spectrum in another grid.

        Raises:
            FoundationError: they are grids of different numbers of spectra.
        """
        if len(self.offsets) != len(other.offsets):
            raise FoundationError(
                f"{len(self.offsets) - 1} grids are asked of {len(other.offsets) - 1} spectra. Ask one grid of each."
            )
        return AttentionLayout(self.offsets, self._zeros, other.offsets, other._zeros)

    @property
    def _zeros(self) -> Int[Tensor, "T"]:
        return torch.zeros(len(self.wavelength), dtype=torch.long, device=self.offsets.device)

    @property
    def spectrum(self) -> Int[Tensor, "T"]:
        """Spectrum of each patch."""
        return segment_of(self.offsets, len(self.wavelength))


@dataclass(frozen=True, eq=False)
class SpectralBatch(Grid):
    """A grid and what was measured there; value, sigma and valid as in `Patches`, [T, W]."""

    value: Float[Tensor, "T W"]
    sigma: Float[Tensor, "T W"]
    valid: Bool[Tensor, "T W"]

    @classmethod
    def packed(cls, patches: Sequence[Patches]) -> "SpectralBatch":
        """Lay the patches of several spectra end to end.

        Raises:
            FoundationError: no spectrum, or patches of different widths.
        """
        widths = {p.value.shape[1] for p in patches}
        if len(widths) != 1:
            raise FoundationError(f"{len(patches)} spectra with patches of {sorted(widths)} pixels. Give one width.")
        names = ("wavelength", "lsf", "value", "sigma", "valid")
        joined = {name: torch.cat([getattr(p, name) for p in patches]) for name in names}
        return cls(**joined, offsets=torch.tensor([0, *map(len, patches)]).cumsum(0))
