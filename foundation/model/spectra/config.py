"""SpectraConfig: sizes and parts of the model over spectra on their own grids."""

from dataclasses import dataclass
from typing import Literal, get_args

from foundation.config import ModelConfig
from foundation.errors import FoundationError

Code = Literal["logarithm", "published"]
Decoder = Literal["cross", "additive"]
Channels = Literal["compressed", "published"]


@dataclass(frozen=True)
class SpectraConfig:
    """The sizes are the published ones (arXiv:2510.17959), the parts our choice; `published()` has both as published.

    Args:
        patch: pixels of a patch.
        width: of a state.
        depth: blocks of the encoder.
        decoder_depth: blocks of the decoder.
        heads: of every attention.
        mlp_ratio: hidden width of the feed-forward layers over `width`, had they no gate.
        channels: what is read of a pixel: "compressed" is asinh of flux over scale, asinh of signal over noise, the
            logarithm of noise over scale, and validity; "published" is flux and noise over scale.
        code: of wavelengths: "logarithm" has waves of ln(wavelength) at the middle of a patch and rotations by it, so
            that attention sees ratios of wavelengths, which a redshift leaves; "published" the mean over the pixels
            of waves of the wavelength.
        periods: shortest and longest of the waves, in ln(wavelength) or in Å.
        decoder: "cross" answers for any grid, each patch for itself; "additive", as published, for the patches read.
        terms: of the series by which each state tells the flux around its patch, added to the decoder's answer; 0, as
            published, is none.
        means: widths in ln(wavelength) of boxes, ascending; the decoder is told the means of what was read in them, and
            an answer begins as the mixture of them that their errors suggest, which it changes for each pixel, so that
            the model learns what a smoothed copy does not have. The narrowest holds one pixel of GALAH and APOGEE.
            None, as published, is no copy; nor is there one where states pass through codes.
        levels: of each component of the codes that states pass through on their way to the decoder, such as
            (8, 8, 8, 5, 5); none = states pass as they are.

    Raises:
        FoundationError: sizes that do not fit each other.
    """

    patch: int = 32
    width: int = 512
    depth: int = 6
    decoder_depth: int = 6
    heads: int = 8
    mlp_ratio: float = 4.0
    channels: Channels = "compressed"
    code: Code = "logarithm"
    periods: tuple[float, float] = (4e-5, 8.0)
    decoder: Decoder = "cross"
    terms: int = 32
    means: tuple[float, ...] = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    levels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if min(self.patch, self.width, self.depth, self.decoder_depth, self.heads) < 1 or self.width % (4 * self.heads):
            raise FoundationError(
                f"patch {self.patch}, width {self.width}, depths {self.depth} and {self.decoder_depth}, {self.heads} "
                "heads. Give 1 or more of each, and a width that is a multiple of four times the heads."
            )
        if self.terms < 0 or (self.levels and min(self.levels) < 3):
            raise FoundationError(
                f"a series of {self.terms} terms, codes of levels {self.levels}. Give 0 terms or more, and none or 3 "
                "levels and more each."
            )
        if not 0 < self.periods[0] < self.periods[1]:
            raise FoundationError(f"periods from {self.periods[0]} to {self.periods[1]}. Give 0 < shortest < longest.")
        if list(self.means) != sorted(set(self.means)) or min(self.means, default=1) <= 0:
            raise FoundationError(f"means over widths {self.means}. Give them above 0 and ascending.")
        for name, choice, known in (
            ("channels", self.channels, Channels), ("code", self.code, Code), ("decoder", self.decoder, Decoder),
        ):  # fmt: skip
            if choice not in get_args(known):
                raise FoundationError(f"{name} {choice!r}. Choose one of {', '.join(get_args(known))}.")

    @classmethod
    def published(cls) -> "SpectraConfig":
        """Parts and constants of the universal spectral tokenizer; its periods are known at second hand only."""
        return cls(channels="published", code="published", periods=(0.1, 1e6), decoder="additive", terms=0, means=())

    @property
    def block(self) -> ModelConfig:
        """The same sizes, as blocks take them."""
        return ModelConfig(width=self.width, heads=self.heads, mlp_ratio=self.mlp_ratio)
