"""The 40 token keys of AION-1's release (arXiv:2510.17960): what each holds, its codec, its codes and its grid."""

from dataclasses import dataclass
from typing import Literal

from foundation.errors import FoundationError
from foundation.model.position import SEQUENCE
from foundation.tokenizers.cutout import TokenGrid
from foundation.tokens import Axis, Space

Codec = Literal["image", "spectrum", "scalar", "log", "grid", "coefficients", "catalog", "field"]
LEGACY_PIXEL, HSC_PIXEL = 0.262, 0.168  # arcsec
CROP = 96  # pixels of the cut-out that codecs see, in each direction
SENTINELS = 204  # codes of a sequence before those of its data: 200 sentinels, start, end, pad and unknown
LEVELS: dict[int, tuple[int, ...]] = {4375: (7, 5, 5, 5, 5), 1000: (8, 5, 5, 5), 1024: (1024,), 1025: (1025,)}


@dataclass(frozen=True)
class Key:
    """One modality of the release.

    Args:
        name: as tokens are called, such as "tok_image"; also the name of the space.
        folder: directory of its codec, which may serve several keys.
        codec: the kind of codec.
        size: number of codes.
        axes: the grid of its tokens.
    """

    name: str
    folder: str
    codec: Codec
    size: int = 1024
    axes: tuple[Axis, ...] = ()

    @property
    def space(self) -> Space:
        """The space of its tokens, with physical positions."""
        levels = {"spectrum": (2,) * 10, "catalog": ()}.get(self.codec, LEVELS.get(self.size, ()))
        return Space(self.name, "discrete", self.size, self.axes, levels)


def _plane(tokens: int, pixel: float) -> tuple[Axis, Axis]:
    return TokenGrid(tokens, CROP // tokens, pixel).axes


def _count(tokens: int, name: str) -> tuple[Axis]:
    return (Axis(name, "", 0, tokens - 1, 1),)


WAVELENGTH = Axis("wavelength", "Angstrom", 3486.8, 3486.8 + 25.6 * 272, 25.6)  # the first token is the mean flux
KEYS: dict[str, Key] = {
    key.name: key
    for key in (
        Key("tok_image", "image", "image", 4375, _plane(24, LEGACY_PIXEL)),
        Key("tok_image_hsc", "image", "image", 4375, _plane(24, HSC_PIXEL)),
        Key("tok_segmap", "segmentation_map", "field", 1000, _plane(12, LEGACY_PIXEL)),
        Key("tok_spectrum_desi", "spectrum", "spectrum", axes=(WAVELENGTH,)),
        Key("tok_spectrum_sdss", "spectrum", "spectrum", axes=(WAVELENGTH,)),
        Key("tok_xp_bp", "bp_coefficients", "coefficients", axes=_count(55, "coefficient")),
        Key("tok_xp_rp", "rp_coefficients", "coefficients", axes=_count(55, "coefficient")),
        Key("catalog", "catalog", "catalog", SENTINELS + 2 * CROP + 3 * 1024, _count(50, SEQUENCE)),
        Key("tok_z", "Z", "grid", 1025),
        *(Key(f"tok_flux_{b}", f"FLUX_{b.upper()}", "log") for b in ("g", "r", "i", "z", "w1", "w2", "w3", "w4")),
        Key("tok_shape_r", "SHAPE_R", "log"),
        Key("tok_shape_e1", "SHAPE_E1", "scalar"),
        Key("tok_shape_e2", "SHAPE_E2", "scalar"),
        Key("tok_ebv", "EBV", "scalar"),
        *(Key(f"tok_mag_{b}", f"{b}_cmodel_mag", "scalar") for b in "grizy"),
        *(Key(f"tok_a_{b}", f"a_{b}", "scalar") for b in "grizy"),
        *(Key(f"tok_shape{ij}", f"i_sdssshape_shape{ij}", "scalar") for ij in (11, 12, 22)),
        *(Key(f"tok_flux_{b}_gaia", f"phot_{b}_mean_flux", "log") for b in ("g", "bp", "rp")),
        Key("tok_parallax", "parallax", "log"),
        Key("tok_ra", "ra", "scalar"),
        Key("tok_dec", "dec", "scalar"),
    )
}


def keys_of(names: list[str], what: str) -> tuple[Key, ...]:
    """The keys called so, in that order; `what` names them so in errors.

    Raises:
        FoundationError: a name that the release does not have.
    """
    unknown = [n for n in names if n not in KEYS]
    if unknown:
        raise FoundationError(f"{what} has {', '.join(unknown)}, and AION-1 has only {', '.join(KEYS)}. Rename them.")
    return tuple(KEYS[n] for n in names)
