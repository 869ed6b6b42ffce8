"""Air to vacuum wavelengths, as SDSS defines them."""

import numpy as np


def air_of(vacuum: np.ndarray) -> np.ndarray:
    """Wavelengths in air (Å) of `vacuum` (Å): Morton 1991, ApJS 77, 119, as used by SDSS; valid above 2000 Å."""
    return vacuum / (1 + 2.735182e-4 + 131.4182 / vacuum**2 + 2.76249e8 / vacuum**4)


def vacuum_of(air: np.ndarray) -> np.ndarray:
    """Wavelengths in vacuum (Å) of `air` (Å): the inverse of `air_of`, to 1e-7 Å."""
    vacuum = np.asarray(air, dtype=np.float64)
    for _ in range(3):  # the ratio changes so slowly that a fixed point is reached at once
        vacuum = vacuum * air / air_of(vacuum)
    return vacuum
