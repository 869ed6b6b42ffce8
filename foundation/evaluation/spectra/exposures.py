"""Exposures: what a worse night would have made of the spectra that probes learn from, so that they rely on neither
calibration nor noise being as in those."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import legendre

from foundation.data.records import Spectrum
from foundation.errors import FoundationError
from foundation.evaluation.spectra.observed import Observed

ORDERS = (1.0, 0.6, 0.4)  # scatter of the Legendre polynomials of degree 1, 2, 3, over that of the first


@dataclass(frozen=True)
class Exposures:
    """More exposures of every spectrum that a probe learns from, of which it learns the same label.

    Args:
        count: of each spectrum, beside itself; 0 = none.
        calibration: scatter of the slope of a smooth error of ln(flux), from the middle to the end of a spectrum in
            ln(wavelength); higher degrees scatter less.
        noise: most of a factor on the noise, drawn evenly from 1 on.

    Raises:
        FoundationError: numbers out of range.
    """

    count: int = 0
    calibration: float = 0.25
    noise: float = 2.0

    def __post_init__(self) -> None:
        if self.count < 0 or self.calibration < 0 or self.noise < 1:
            raise FoundationError(
                f"{self.count} exposures with calibration errors of {self.calibration} and {self.noise} times the "
                "noise. Give 0 or more of each, and 1 or more times the noise."
            )

    def of(self, observed: Observed) -> Iterator[Observed]:
        """The same objects with other spectra, as often as said; the same ones each time."""
        for number in range(1, self.count + 1):
            draw = np.random.default_rng(number)
            spectra = tuple(self.expose(spectrum, draw) for spectrum in observed.spectra)
            name = f"{observed.about.name}, exposure {number}"
            yield replace(observed, spectra=spectra, about=replace(observed.about, name=name))

    def expose(self, spectrum: Spectrum, draw: np.random.Generator) -> Spectrum:
        """The spectrum with another calibration and more noise, of which its inverse variance knows."""
        place = np.log(spectrum.wavelength)
        low, high = place.min(), place.max()
        across = (2 * place - low - high) / max(high - low, np.finfo(float).tiny)
        error = np.exp(legendre.legval(across, [0.0, *(self.calibration * draw.normal(size=3) * ORDERS)]))
        factor = draw.uniform(1, self.noise)
        sigma = np.where(spectrum.usable, spectrum.ivar, np.inf) ** -0.5  # 0 where nothing is known
        flux = spectrum.flux + np.sqrt(factor**2 - 1) * sigma * draw.normal(size=len(place))
        ivar = spectrum.ivar / (factor * error) ** 2
        return replace(spectrum, flux=(error * flux).astype(np.float32), ivar=ivar.astype(np.float32))
