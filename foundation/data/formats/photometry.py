"""Turns the photometric columns that tractor, sweep and DESI FIBERMAP rows share into scalars."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from foundation.data.records import Record, Scalar

BANDS = ("G", "R", "I", "Z", "W1", "W2")
SHAPES = {"SHAPE_R": ("shape_r", "arcsec"), "SHAPE_E1": ("shape_e1", ""), "SHAPE_E2": ("shape_e2", "")}
OLD_PROFILE = {"DEV": "SHAPEDEV", "EXP": "SHAPEEXP", "REX": "SHAPEEXP", "SIMP": "SHAPEEXP"}  # columns until DR8


def photometry(row: Mapping[str, Any], kind: str) -> dict[str, Record]:
    """Scalars of one catalogue row; what was not measured, such as the shape of a point source, is absent.

    Args:
        row: the columns it has, by upper-case name.
        kind: morphological type, such as "DEV"; says which columns hold the shape in DR8 and before.

    Returns:
        flux_g ... flux_w2 in nanomaggies, not corrected for extinction; shape_r in arcsec; shape_e1, shape_e2; ebv.
    """
    records: dict[str, Record] = {}
    for band in BANDS:
        _add(records, f"flux_{band.lower()}", "nmgy", row, f"FLUX_{band}", f"FLUX_IVAR_{band}")
    for column, (name, unit) in SHAPES.items():
        profile = column if column in row else column.replace("SHAPE", OLD_PROFILE.get(kind, "SHAPE"))
        _add(records, name, unit, row, profile, f"{profile}_IVAR")
    if row.get("EBV", 0) > 0:
        records["ebv"] = Scalar(float(row["EBV"]), "ebv", "mag")
    return records


def _add(records: dict[str, Record], name: str, unit: str, row: Mapping[str, Any], column: str, weight: str) -> None:
    value, ivar = row.get(column), row.get(weight)
    if value is None or not np.isfinite(value) or (value == 0 if ivar is None else not ivar > 0):
        return
    records[name] = Scalar(float(value), name, unit, None if ivar is None else float(ivar) ** -0.5)
