"""Records of survey files under the names of AION-1's token keys, as its tokenizers and model want them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from foundation.data.records import Image, Record, Sample, Scalar
from foundation.interop.aion_keys import KEYS
from foundation.tokens import Space

CAMERAS = {"DES": "tok_image", "HSC": "tok_image_hsc"}  # of an image's bands
NAMES = {  # what readers and simulations call a modality, where it is not the key without "tok_"
    "redshift": "tok_z",
    "coefficients_gaia_bp": "tok_xp_bp",
    "coefficients_gaia_rp": "tok_xp_rp",
    "sources": "catalog",
}


def as_keys(sample: Sample) -> Sample:
    """The sample with its modalities called as AION-1's keys; those that it has no key for keep their names."""
    renamed = {_key(name, record): record for name, record in sample.items()}
    return replace(sample, records={key: _named(record, key) for key, record in renamed.items()})


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
