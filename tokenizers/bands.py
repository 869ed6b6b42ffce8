"""The registered image bands: how bright a pixel may get, in the survey's own unit, and that unit's zero point."""

from dataclasses import dataclass

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
