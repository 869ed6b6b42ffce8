"""Legacy Surveys catalogues, `tractor-*.fits` and `sweep-*.fits`: photometry and shapes as scalars, a sample a row."""

from collections.abc import Mapping
from typing import Any

from foundation.data.formats.photometry import photometry
from foundation.data.formats.source import Samples, Source
from foundation.data.records import Sample

KEY = {"RELEASE", "BRICKID", "OBJID"}  # together they identify an object


def recognises(source: Source) -> bool:
    """Whether HDU 1 is a tractor catalogue."""
    return KEY | {"RA", "DEC", "TYPE", "FLUX_G"} <= source.columns(1)


def read(source: Source) -> Samples:
    """One sample per row; rows without any measurement are left out and counted."""
    empty = 0
    for index, row in enumerate(source.rows(1)):
        sample = _sample(row, str(source.path), index)
        empty += not sample.records
        if sample.records:
            yield sample
    return f"{empty} rows without any measurement left out" if empty else ""


def _sample(row: Mapping[str, Any], path: str, index: int) -> Sample:
    origin = {
        "path": path,
        "hdu": 1,
        "row": index,
        "survey": "legacy",
        "ra": float(row["RA"]),
        "dec": float(row["DEC"]),
    }
    key = f"legacy-{row['RELEASE']}-{row['BRICKID']}-{row['OBJID']}"
    labels = {"type": str(row["TYPE"]), "maskbits": int(row.get("MASKBITS", 0))}
    return Sample(key, photometry(row, str(row["TYPE"])), labels, origin)
