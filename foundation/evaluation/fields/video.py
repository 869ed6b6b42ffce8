"""video: a roll-out beside the truth as a GIF, or as an MP4 where ffmpeg is installed."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.animation import FuncAnimation, writers

from foundation.errors import FoundationError
from foundation.evaluation.fields.pictures import draw, plane, span
from foundation.figures.canvas import STYLE, canvas
from foundation.files import whole_file

WRITERS = {".gif": "pillow", ".mp4": "ffmpeg"}
DPI = 100


def write_video(
    path: Path,
    field: str,
    true: Float[np.ndarray, "horizon *space"],
    predicted: Mapping[str, Float[np.ndarray, "horizon *space"]],
    fps: int = 8,
) -> None:
    """Write the true frames and those of each source side by side, one picture a step.

    Args:
        path: a file that ends in .gif or .mp4.
        field: its name, for the title.
        true: frames.
        predicted: source -> the same frames.
        fps: frames a second.

    Raises:
        FoundationError: another ending, or .mp4 without ffmpeg.
    """
    writer = _writer(path)
    panels = {"true": true, **predicted}
    with matplotlib.rc_context(STYLE), whole_file(path) as temporary:
        figure, axes = canvas(2.6 * len(panels), 2.9, 1, len(panels))
        for axis, (source, values) in zip(axes, panels.items(), strict=True):
            draw(axis, plane(values[0]), span(true), "viridis")
            axis.set_title(source, fontsize=9)

        def show(step: int) -> None:
            for axis, values in zip(axes, panels.values(), strict=True):
                axis.images[0].set_data(plane(values[step]).T)
            figure.suptitle(f"{field}, step {step + 1}", fontsize=9)

        named = temporary.with_name(temporary.name + path.suffix)  # the writer reads the kind of file from its name
        FuncAnimation(figure, show, frames=len(true)).save(named, writer=writer, fps=fps, dpi=DPI)
        named.replace(temporary)


def _writer(path: Path) -> str:
    if path.suffix not in WRITERS:
        raise FoundationError(f"{path}: no video of this kind. Give a name that ends in {' or '.join(WRITERS)}.")
    if not writers.is_available(WRITERS[path.suffix]):
        raise FoundationError(f"{path}: needs {WRITERS[path.suffix]}. Install it, or give a name that ends in .gif.")
    return WRITERS[path.suffix]
