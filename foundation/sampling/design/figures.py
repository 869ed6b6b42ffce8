"""figures: a sequence logo around the anchor, and how lengths, GC and scores of designs are distributed."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from foundation.figures.canvas import SERIES, canvas, picture
from foundation.sampling.design.designs import Designs

COLOUR = {"A": SERIES[2], "C": SERIES[0], "G": SERIES[4], "U": SERIES[1], "T": SERIES[1]}
SHOWN = 0.5  # of the designs must reach a place for it to be drawn
SHARE = 0.9  # of a place's width that a letter fills


def logo_heights(designs: Designs) -> tuple[list[int], list[dict[str, float]]]:
    """Places counted from the anchor (-1 its left neighbour, 1 its right one), and the height of each letter there.

    The letters of a place share its information, 2 bits minus its entropy and minus the bias 3 / (2 n ln 2) of n
    sequences, at least 0 (Schneider et al. 1986, doi:10.1016/0022-2836(86)90165-8), by how frequent they are.
    """
    columns: dict[int, list[str]] = {}
    for sequence, anchor in zip(designs.sequences, designs.anchor.tolist(), strict=True):
        for i, letter in enumerate(sequence):
            columns.setdefault(i - anchor + (i >= anchor), []).append(letter)
    places = sorted(place for place, column in columns.items() if len(column) >= SHOWN * len(designs))
    return places, [_heights(columns[place]) for place in places]


def _heights(column: list[str]) -> dict[str, float]:
    letters, counts = np.unique(column, return_counts=True)
    share = counts / counts.sum()
    bits = 2 + (share * np.log2(share)).sum() - 3 / (2 * np.log(2) * len(column))
    return {str(letter): float(p * max(bits, 0)) for letter, p in zip(letters, share, strict=True)}


@picture
def sequence_logo(designs: Designs) -> Figure:
    """Letters as tall as they are informative, the anchor as a line."""
    places, heights = logo_heights(designs)
    figure, (axes,) = canvas(max(5.0, 0.2 * len(places) + 1), 2.4)
    for x, column in enumerate(heights):
        bottom = 0.0
        for letter, height in sorted(column.items(), key=lambda item: item[1]):
            _glyph(axes, letter, x, bottom, height)
            bottom += height
    anchor = sum(place < 0 for place in places) - 0.5
    axes.axvline(anchor, color="k", lw=0.8, ls="--")
    ticks = [i for i, place in enumerate(places) if place in (-1, 1) or place % 5 == 0]
    axes.set_xticks(ticks, [str(places[i]) for i in ticks])
    axes.set(xlim=(-0.6, len(places) - 0.4), ylim=(0, 2), ylabel="bits", xlabel="letters from the anchor")
    axes.grid(False)
    return figure


def _glyph(axes: Axes, letter: str, x: float, bottom: float, height: float) -> None:
    """A letter stretched to fill its box."""
    if height <= 0:
        return
    path = TextPath((0, 0), letter, size=1, prop=FontProperties(weight="bold"))
    box = path.get_extents()
    stretch = Affine2D().translate(-box.x0, -box.y0).scale(SHARE / box.width, height / box.height)
    place = stretch.translate(x - SHARE / 2, bottom)
    axes.add_patch(PathPatch(place.transform_path(path), facecolor=COLOUR[letter], lw=0))


@picture
def distributions(columns: Mapping[str, Float[np.ndarray, "n"]], drawn: Mapping[str, Float[np.ndarray, "m"]]) -> Figure:
    """A histogram of each column, of the kept designs (filled) over all drawn ones (outline).

    Args:
        columns: label -> values of the kept ones.
        drawn: the same labels -> values of all.
    """
    across = min(3, len(columns))
    down = -(-len(columns) // across)
    figure, axes = canvas(3.2 * across, 2.3 * down, down, across)
    for a, (label, values) in zip(axes, columns.items(), strict=False):
        whole = drawn[label][np.isfinite(drawn[label])]
        bins = np.histogram_bin_edges(whole, bins=min(30, max(5, len(whole) // 10))).tolist()
        a.hist(whole, bins, histtype="step", color="k", lw=0.8, label="drawn")
        a.hist(values[np.isfinite(values)], bins, color=SERIES[0], alpha=0.8, label="kept")
        a.set_xlabel(label)
    axes[0].legend(fontsize=7)
    for a in axes[len(columns) :]:
        a.set_visible(False)
    return figure
