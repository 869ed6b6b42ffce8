"""pictures: predicted frames beside true ones, and errors against the horizon."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundation.figures.canvas import SERIES, canvas, picture

Frames = Float[np.ndarray, "horizon *space"]
COLUMNS = 5  # horizons shown
PANELS = 8  # fields shown


@picture
def frames_compared(field: str, true: Frames, predicted: Mapping[str, Frames]) -> Figure:
    """A row of true frames, and for each source its frames and their difference from the true ones.

    Three-dimensional fields are cut in the middle of their last axis. Predictions have the colours of the truth; the
    colours of differences end at half the range of the truth.

    Args:
        field: its name.
        true: frames after the context.
        predicted: source -> the same frames.
    """
    shown = np.unique(np.linspace(0, len(true) - 1, min(COLUMNS, len(true))).round().astype(int))
    rows = 1 + 2 * len(predicted)
    figure, axes = canvas(1.9 * len(shown) + 0.6, 1.9 * rows, rows, len(shown))
    grid = np.array(axes).reshape(rows, len(shown))
    limits = span(true)
    reach = (limits[1] - limits[0]) / 2
    for column, horizon in enumerate(shown):
        draw(grid[0, column], plane(true[horizon]), limits, "viridis")
        grid[0, column].set_title(f"step {horizon + 1}", fontsize=9)
        for row, values in enumerate(predicted.values()):
            draw(grid[1 + 2 * row, column], plane(values[horizon]), limits, "viridis")
            draw(grid[2 + 2 * row, column], plane(values[horizon] - true[horizon]), (-reach, reach), "RdBu_r")
    labels = [f"{field}, true", *(label for s in predicted for label in (s, f"{s} - true"))]
    for axis, label in zip(grid[:, 0], labels, strict=True):
        axis.set_ylabel(label, fontsize=8)
    return figure


@picture
def errors_over_horizon(
    metric: str, curves: Mapping[str, Float[np.ndarray, "horizon field"]], names: Sequence[str]
) -> Figure:
    """A metric against the number of steps ahead, one panel a field (or band), one line a source.

    Args:
        metric: its name.
        curves: source -> values.
        names: of the panels.
    """
    shown = range(min(len(names), PANELS))
    columns = min(4, len(shown))
    figure, axes = canvas(2.6 * columns, 2.3 * -(-len(shown) // columns), -(-len(shown) // columns), columns)
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    for place in shown:
        axis = axes[place]
        for number, (source, values) in enumerate(curves.items()):
            ahead = np.arange(1, len(values) + 1)
            axis.plot(ahead, values[:, place], "o-", ms=2.5, lw=1, color=SERIES[number % len(SERIES)], label=source)
        axis.set_title(names[place], fontsize=9)
        axis.set(xlabel="steps ahead", yscale="linear" if metric == "pearson" else "log")
    axes[0].set_ylabel(metric)
    axes[0].legend(fontsize=7)
    return figure


def plane(values: Float[np.ndarray, "*space"]) -> Float[np.ndarray, "x y"]:
    """What can be shown of a frame: itself, a line as a strip, the middle of the last axis of a volume."""
    if values.ndim == 3:
        return values[..., values.shape[2] // 2]
    return values if values.ndim == 2 else values[:, None]


def span(true: Frames) -> tuple[float, float]:
    """Limits of the colours: of the true frames, without the last half per cent at either end."""
    low, high = np.percentile(true, [0.5, 99.5]).tolist()
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def draw(axis: Axes, values: Float[np.ndarray, "x y"], limits: tuple[float, float], colours: str) -> None:
    """One frame with the first axis to the right and the second upwards."""
    axis.imshow(
        values.T, vmin=limits[0], vmax=limits[1], cmap=colours, aspect="equal" if values.shape[1] > 1 else "auto"
    )
    axis.set(xticks=[], yticks=[])
    axis.grid(visible=False)
