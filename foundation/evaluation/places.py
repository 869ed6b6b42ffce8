"""places: the same places on the sky, cut out of images of several surveys."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from foundation.data.formats.plane import celestial
from foundation.data.records import Image, Sample


def grid_of(image: Image, side: int, pixels: int) -> Float[np.ndarray, "n 2"]:
    """Right ascension and declination of `side` x `side` places, so that windows of so many pixels reach the edges.

    Empty if the image is no larger than a window, or its place on the sky is not known.
    """
    height, width = image.flux.shape[1:]
    if not image.wcs or min(height, width) <= pixels:
        return np.empty((0, 2))
    half = (pixels - 1) / 2
    y, x = (np.linspace(half, extent - 1 - half, side) for extent in (height, width))
    at = np.array([(column, row) for row in y for column in x])
    return np.stack(celestial(image.wcs).pixel_to_world_values(*at.T), 1)


def windows(sample: Sample, name: str, sky: Float[np.ndarray, "n 2"], pixels: int, upright: bool) -> Iterator[Sample]:
    """The cut-outs of a sample's image at those places where a whole one lies inside; keys end in the place's number.

    Args:
        sample: with an image.
        name: of the image's modality.
        sky: right ascension and declination, degrees.
        pixels: height and width of a window.
        upright: whether images in which East is to the right are mirrored.
    """
    image = sample.records.get(name)
    if not isinstance(image, Image) or not image.wcs or not len(sky):
        return
    wcs = celestial(image.wcs)
    corners = np.rint(np.stack(wcs.world_to_pixel_values(*sky.T), 1) - (pixels - 1) / 2).astype(int)
    mirrored = upright and np.linalg.det(wcs.pixel_scale_matrix) > 0
    for number, (left, top) in enumerate(corners.tolist()):
        if min(left, top) < 0 or left + pixels > image.flux.shape[2] or top + pixels > image.flux.shape[1]:
            continue
        inside = (slice(None), slice(top, top + pixels), slice(left, left + pixels))
        turn = (slice(None), slice(None), slice(None, None, -1 if mirrored else 1))
        parts = {n: np.asarray(getattr(image, n))[inside][turn] for n in ("flux", "ivar", "mask", "bad")}
        place = dict(zip(("ra", "dec"), sky[number].tolist(), strict=True))
        records = {name: replace(image, **parts, wcs={})}
        yield replace(sample, key=f"{sample.key}@{number}", records=records, origin={**sample.origin, **place})
