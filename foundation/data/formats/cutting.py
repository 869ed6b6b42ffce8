"""Cuts images into samples: whole if small, at the positions of a catalogue, or tile by tile.

A brick of 3600 x 3600 pixels is never in memory: a stripe of one tile's height at a time is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from foundation.data.formats.plane import Plane, check_grids, image_of, position
from foundation.data.formats.source import Samples
from foundation.data.records import Sample

if TYPE_CHECKING:
    from astropy.wcs import WCS

TILE = 96  # pixels; the side of a cut-out, as AION-1 uses
WHOLE = 512  # pixels; images up to this side stay whole


@dataclass(frozen=True, eq=False)
class Field:
    """An image file on the sky: its planes, coordinates, and what to call what is cut from it."""

    planes: Sequence[Plane]
    wcs: "WCS"
    survey: str
    name: str
    path: str
    hdu: int


def cut(field: Field, catalogue: Sequence[Sample] = ()) -> Samples:
    """One sample of a small image, or many of a large one.

    Args:
        field: the image.
        catalogue: samples with `ra` and `dec` in their origin; each becomes a sample with a cut-out of TILE pixels
            centred on it. Without one, a large image is cut into a grid of tiles.

    Returns:
        Samples, and a remark on what was left out: tiles without any data, positions too near the edge.
    """
    check_grids(field.planes)
    if catalogue:
        return (yield from _at_positions(field, catalogue))
    height, width = field.planes[0].shape
    if max(height, width) <= WHOLE:
        yield _sample(field, slice(0, height), slice(0, width))
        return ""
    return (yield from _grid(field))


def _grid(field: Field) -> Samples:
    height, width = field.planes[0].shape
    uncovered = 0
    for top in range(0, height - TILE + 1, TILE):
        rows, across = slice(top, top + TILE), slice(0, width)
        # .fz files are compressed row by row, so the tiles of a stripe are read together
        stripe = replace(field, planes=[p.loaded(rows, across) for p in field.planes], wcs=field.wcs[rows, across])
        for left in range(0, width - TILE + 1, TILE):
            inside = slice(0, TILE), slice(left, left + TILE)
            if any(p.covers(*inside) for p in stripe.planes):
                yield _sample(stripe, *inside, f"{field.survey}-{field.name}-x{left}-y{top}")
            else:
                uncovered += 1
    return f"{uncovered} tiles of {TILE} x {TILE} pixels without data left out" if uncovered else ""


def _at_positions(field: Field, catalogue: Sequence[Sample]) -> Samples:
    height, width = field.planes[0].shape
    sky = np.array([[s.origin["ra"], s.origin["dec"]] for s in catalogue])
    corners = np.rint(field.wcs.world_to_pixel_values(sky[:, 0], sky[:, 1])).astype(int).T - TILE // 2
    left_out = 0
    for listed, (left, top) in zip(catalogue, corners.tolist(), strict=True):
        y, x = slice(top, top + TILE), slice(left, left + TILE)
        inside = top >= 0 and left >= 0 and y.stop <= height and x.stop <= width
        if inside and any(p.covers(y, x) for p in field.planes):
            found = _sample(field, y, x, listed.key)
            records = {**found.records, **listed.records}
            yield replace(found, records=records, labels={**listed.labels, **found.labels})
        else:
            left_out += 1
    remark = f"{left_out} catalogue positions without data, or within {TILE // 2} pixels of an edge, left out"
    return remark if left_out else ""


def _sample(field: Field, y: slice, x: slice, key: str = "") -> Sample:
    image = image_of(field.planes, y, x, field.wcs, field.survey)
    ra, dec = position(field.wcs, y, x)
    origin = {
        "path": field.path, "hdu": field.hdu, "survey": field.survey, "ra": ra, "dec": dec,
        "noise": "from the scatter" if any(p.weight is None for p in field.planes) else "from the weights",
    }  # fmt: skip
    key = key or f"{field.survey}-{ra:.5f}{dec:+.5f}"
    return Sample(key, {"image": image}, {"usable": bool(image.usable.any())}, origin)
