"""The registered image bands: how bright a pixel may get, in the survey's own unit, and that unit's zero point."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from foundation.data.records import Image
from foundation.errors import FoundationError

NANOMAGGY = 22.5  # AB zero point of the records' unit


@dataclass(frozen=True)
class Band:
    """One filter of one survey.

    Args:
        clip: largest absolute pixel value that is kept, in the survey's unit.
        zero_point: AB magnitude of one survey unit.
    """

    clip: float
    zero_point: float = NANOMAGGY

    @property
    def limit(self) -> float:
        """`clip` in nanomaggies."""
        return self.clip / 10 ** ((self.zero_point - NANOMAGGY) / 2.5)


# HSC and DES: the released AION-1 (arXiv:2510.17960); order is the channel order of its image codec.
RELEASED: dict[str, Band] = {
    "HSC-G": Band(80, 27),
    "HSC-R": Band(110, 27),
    "HSC-I": Band(200, 27),
    "HSC-Z": Band(330, 27),
    "HSC-Y": Band(500, 27),
    "DES-G": Band(6),
    "DES-R": Band(15),
    "DES-I": Band(20),
    "DES-Z": Band(25),
}
# Others: the limit of the nearest DES band, so that a galaxy saturates alike in all surveys.
BANDS: dict[str, Band] = {
    **RELEASED,
    "DES-Y": Band(30),
    "PS1-G": Band(6),
    "PS1-R": Band(15),
    "PS1-I": Band(20),
    "PS1-Z": Band(25),
    "PS1-Y": Band(30),
    "SDSS-U": Band(3),
    "SDSS-G": Band(6),
    "SDSS-R": Band(15),
    "SDSS-I": Band(20),
    "SDSS-Z": Band(25),
}


def read_as(image: Image, camera: str, known: Sequence[str]) -> Image:
    """An image for a tokenizer that has not seen its survey: its bands called as those of another camera.

    Fluxes stay as they are: filters of the same letter differ by some per cent of the flux.

    Args:
        image: in any bands.
        camera: whose bands they are taken for, such as "DES"; "" = their own.
        known: bands of the tokenizer; others are left out.

    Raises:
        FoundationError: none is known.
    """
    called = {band: f"{camera}-{band.rpartition('-')[2]}" if camera else band for band in image.bands}
    kept = tuple(band for band in image.bands if called[band] in known)
    if not kept:
        cameras = ", ".join(sorted({band.partition("-")[0] for band in known}))
        raise FoundationError(
            f"The image has bands {', '.join(image.bands)}{f' as those of {camera}' if camera else ''}, the tokenizer "
            f"knows {', '.join(known)}. Give --camera, one of {cameras}."
        )
    return replace(image.select(kept), bands=tuple(called[band] for band in kept))
