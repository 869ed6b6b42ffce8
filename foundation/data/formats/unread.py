"""Names survey files that are known but not read, so that the refusal says what they are."""

from collections.abc import Callable

from foundation.data.formats.source import Source


def name_of(source: Source) -> str:
    """What the file is, in words; "" if it is not known either."""
    return next((name for name, is_it in UNREAD if source.hdus and is_it(source)), "")


def _is_psf(source: Source) -> bool:
    return len(source.hdus) == 1 and len(source.hdu(0).shape) in (2, 3) and "CTYPE1" not in source.header()


UNREAD: tuple[tuple[str, Callable[[Source], bool]], ...] = (
    ("a GALAH label table", lambda s: "SOBJECT_ID" in s.columns(1)),
    ("a table of APOGEE stars", lambda s: "APOGEE_ID" in s.columns(len(s.hdus) - 1)),
    ("a DECam exposure in counts", lambda s: str(s.header().get("INSTRUME", "")).strip() == "DECam"),
    ("an image without sky coordinates, such as a PSF", _is_psf),
)
