"""Pictures of reconstructions: what was measured, what comes back from the codes, and the residual over the noise."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundation.files import whole_file
from foundation.tokenizers.learned import Reconstruction

ROWS = 6  # records in a picture
PULL = 4.0  # sigmas at which the residual's colours and axes end
TITLES = ("measured", "from its codes", "residual / σ")


def draw(out: Reconstruction, title: str, path: Path, wavelength: np.ndarray | None = None) -> None:
    """Write a PNG with one record to a row.

    Args:
        out: reconstructions of images [B, band, y, x], of spectra [B, pixel], or of numbers at places [B, place, n].
        title: of the picture.
        path: of the file.
        wavelength: of the pixels of spectra, Å.
    """
    rows = min(ROWS, len(out.target))
    value, target, weight = (x[:rows].float().cpu().numpy() for x in (out.value, out.target, out.weight))
    if target.ndim == 3:  # a picture with a column for each place
        value, target, weight = (x.swapaxes(1, 2)[:, None] for x in (value, target, weight))
    images = target.ndim == 4
    figure = Figure(figsize=(7.5, 2.4 * rows) if images else (10, 2.2 * rows), layout="constrained")
    axes = figure.subplots(rows, 3 if images else 2, squeeze=False)
    for row in range(rows):
        pull = weight[row] * (value[row] - target[row])
        if images:
            _image(axes[row], target[row], value[row], weight[row], pull)
        else:
            x = np.arange(target.shape[1]) if wavelength is None else wavelength
            _spectrum(axes[row], x, target[row], value[row], weight[row], pull)
    for axis, text in zip(
        axes[0], TITLES if images else ("measured (grey), from its codes (red)", TITLES[2]), strict=True
    ):
        axis.set_title(text, fontsize=9)
    figure.suptitle(title, fontsize=10)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


def _image(axes: np.ndarray, target: np.ndarray, value: np.ndarray, weight: np.ndarray, pull: np.ndarray) -> None:
    """The band with most usable pixels; the first of equals."""
    band = int((weight > 0).sum((1, 2)).argmax())
    shown = np.where(weight[band] > 0, target[band], np.nan)
    low, high = np.nanpercentile(shown, [1, 99.7])
    panels = ((shown, low, high, "gray"), (value[band], low, high, "gray"), (pull[band], -PULL, PULL, "RdBu_r"))
    for axis, (picture, vmin, vmax, colours) in zip(axes, panels, strict=True):
        axis.imshow(picture, origin="lower", vmin=vmin, vmax=vmax, cmap=colours)
        axis.set_axis_off()


def _spectrum(
    axes: np.ndarray, x: np.ndarray, target: np.ndarray, value: np.ndarray, weight: np.ndarray, pull: np.ndarray
) -> None:
    used = weight > 0
    flux: Axes = axes[0]
    flux.plot(x, np.where(used, target + 1, np.nan), color="0.6", lw=0.5)
    flux.plot(x, value + 1, color="tab:red", lw=0.8)
    low, high = np.percentile(target[used] + 1, [1, 99]) if used.any() else (0, 1)
    flux.set_ylim(low - 0.3 * (high - low), high + 0.5 * (high - low))
    flux.set_ylabel("flux / mean", fontsize=8)
    axes[1].plot(x, np.where(used, pull, np.nan), color="0.3", lw=0.4)
    axes[1].set_ylim(-PULL, PULL)
