"""canvas: one look for all pictures, and from a matplotlib figure to PNG bytes."""

import io
from collections.abc import Callable
from functools import wraps
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 110
COLOURS = {  # of the sources of features, safe for colour-blind readers (Okabe & Ito 2008)
    "encoder": "#0072B2",
    "raw input": "#E69F00",
    "random encoder": "#999999",
    "template scan": "#009E73",
    "marginal": "#CC79A7",
}
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#000000")
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "image.interpolation": "nearest",
    "image.origin": "lower",
}


def picture(draw: Callable[..., Figure]) -> Callable[..., bytes]:
    """Make of a function that returns a figure one that returns its PNG, all drawn in the same style."""

    @wraps(draw)
    def drawn(*args: object, **options: object) -> bytes:
        buffer = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            draw(*args, **options).savefig(buffer, format="png", dpi=DPI)
        return buffer.getvalue()

    return drawn


def canvas(
    width: float,
    height: float,
    rows: int = 1,
    columns: int = 1,
    layout: Literal["constrained"] | None = "constrained",
    **options: Any,  # noqa: ANN401 - of subplots
) -> tuple[Figure, list[Axes]]:
    """A figure of this size in inches and its axes, row by row; no window system and no global state."""
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.ravel())


def bare(axes: Axes, title: str = "") -> None:
    """No ticks, no grid, no frame: for pictures of the sky."""
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=8)
