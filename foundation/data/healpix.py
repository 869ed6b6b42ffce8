"""HEALPix cells of positions on the sky, in the nested order (Gorski et al. 2005, ApJ 622, 759)."""

import numpy as np
from jaxtyping import Float, Int

from foundation.errors import FoundationError

LARGEST = 2**29  # of nside whose cells an int64 can number


def cells(ra: Float[np.ndarray, "n"], dec: Float[np.ndarray, "n"], nside: int) -> Int[np.ndarray, "n"]:
    """Number of the cell, from 0 to 12 nside^2 - 1, of each position, as astropy-healpix counts them.

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
    from astropy import units
    from astropy_healpix import lonlat_to_healpix

    return np.asarray(lonlat_to_healpix(ra * units.deg, dec * units.deg, nside, order="nested"))
