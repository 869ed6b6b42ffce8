"""Records of survey files under the names of AION-1's token keys, as its tokenizers and model want them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from foundation.data.records import Image, Record, Sample, Scalar
from foundation.data.sources import Sources
from foundation.interop.aion_keys import CROP, KEYS
from foundation.tokens import Space

CAMERAS = {"DES": "tok_image", "HSC": "tok_image_hsc"}  # of an image's bands
NAMES = {  # what readers and simulations call a modality, where it is not the key without "tok_"
    "redshift": "tok_z",
    "coefficients_gaia_bp": "tok_xp_bp",
    "coefficients_gaia_rp": "tok_xp_rp",
    "sources": "catalog",
}


def as_keys(sample: Sample) -> Sample:
    """The sample with its modalities called as AION-1's keys; those that it has no key for keep their names.

    Sources are placed in the middle of the image that its codecs see, and those outside of it are left out.
    """
    renamed = {_key(name, record): record for name, record in sample.items()}
    image = sample.records.get("image")
    for name, record in renamed.items():
        if isinstance(record, Sources) and isinstance(image, Image):
            renamed[name] = cropped(record, image.flux.shape[1:])
    return replace(sample, records={key: _named(record, key) for key, record in renamed.items()})


def cropped(sources: Sources, shape: tuple[int, ...]) -> Sources:
    """The sources in the middle CROP x CROP pixels of a cut-out of `shape` (y, x), counted from there."""
    x, y = (at - (have - CROP) // 2 for at, have in zip((sources.x, sources.y), reversed(shape), strict=True))
    inside = np.all([(np.rint(at) >= 0) & (np.rint(at) < CROP) for at in (x, y)], 0)
    return Sources(*(column[inside] for column in (x, y, sources.e1, sources.e2, sources.radius)))


def naming(spaces: Sequence[Space]) -> Callable[[Sample], Sample]:
    """What makes samples fit a model with these spaces: `as_keys` if all are AION-1's, else nothing."""
    return as_keys if all(s.name in KEYS for s in spaces) else lambda sample: sample


def _key(name: str, record: Record) -> str:
    if isinstance(record, Image) and name == "image":
        return CAMERAS.get(record.bands[0].partition("-")[0], name)
    key = NAMES.get(name, f"tok_{name}")
    return key if key in KEYS else name


def _named(record: Record, name: str) -> Record:
    return replace(record, name=name) if isinstance(record, Scalar) else record
