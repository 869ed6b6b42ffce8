"""DESI redshifts: the `redrock-*.fits` beside a coadd, by TARGETID, or alone as samples without a spectrum."""

from collections.abc import Mapping
from typing import Any

from foundation.data.formats.photometry import photometry
from foundation.data.formats.redshift import Redshift
from foundation.data.formats.source import Samples, Source
from foundation.data.records import Record, Sample


def recognises(source: Source) -> bool:
    """Whether the file has a REDSHIFTS table."""
    return {"TARGETID", "Z", "ZERR", "ZWARN"} <= source.columns("REDSHIFTS")


def read(source: Source) -> Samples:
    """One sample per target: `redshift`, the photometry of its FIBERMAP if there is one, and the labels."""
    found = redshifts(source)
    photometry_of = _photometry(source)
    for row, (target, redshift) in enumerate(found.items()):
        records = {**redshift.records(), **photometry_of.get(target, {})}
        origin = {"path": str(source.path), "hdu": source.names.index("REDSHIFTS"), "row": row, "survey": "desi"}
        yield Sample(f"desi-{target}", records, redshift.labels(), origin)
    return "redshifts without spectra: put the coadd-*.fits beside it to read both"


def redshifts(source: Source) -> dict[int, Redshift]:
    """TARGETID -> redshift."""
    return {int(row["TARGETID"]): _redshift(row) for row in source.rows("REDSHIFTS")}


def _redshift(row: Mapping[str, Any]) -> Redshift:
    kind, subclass = str(row.get("SPECTYPE", "")), str(row.get("SUBTYPE", ""))
    return Redshift(float(row["Z"]), float(row["ZERR"]), int(row["ZWARN"]), kind, subclass)


def _photometry(source: Source) -> dict[int, dict[str, Record]]:
    rows = source.rows("FIBERMAP") if source.has("FIBERMAP") else ()
    return {int(row["TARGETID"]): photometry(row, str(row.get("MORPHTYPE", ""))) for row in rows}
