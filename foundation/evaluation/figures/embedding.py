"""embedding: the first two principal components of the frozen features, coloured by what is known."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from foundation.figures.canvas import SERIES, canvas, picture

WIDE = 20  # ratio of large to small values from which colours are logarithmic
MOST_NAMES = 8  # of a label shown in colours; the rest is grey


@picture
def embedding_map(features: np.ndarray, labels: Mapping[str, np.ndarray]) -> Figure:
    """One panel a label, the same points in each.

    Args:
        features: float32 [n, width], finite.
        labels: name -> [n] numbers or names.
    """
    pca = PCA(2, random_state=0)
    with np.errstate(invalid="ignore"):  # features that are all constant
        place = pca.fit_transform(StandardScaler().fit_transform(features))
    share = pca.explained_variance_ratio_
    figure, axes = canvas(4.0 * len(labels), 3.6, 1, len(labels))
    for a, (name, values) in zip(axes, labels.items(), strict=True):
        if values.dtype.kind == "f":
            known = np.isfinite(values)
            low, high = np.percentile(values[known], [2, 98]) if known.any() else (0.0, 1.0)
            scale = LogNorm(low, high) if low > 0 and high > WIDE * low else Normalize(low, high)
            dots = a.scatter(*place[known].T, c=values[known], s=5, cmap="viridis", norm=scale, linewidths=0)
            figure.colorbar(dots, ax=a)
        else:
            _named(a, place, values)
        a.set(
            title=f"coloured by {name}",
            xlabel=f"component 1 ({share[0]:.0%} of variance)",
            ylabel=f"component 2 ({share[1]:.0%})",
        )
    return figure


def _named(axes: Axes, place: np.ndarray, values: np.ndarray) -> None:
    names, counts = np.unique(values, return_counts=True)
    shown = names[np.argsort(-counts)][:MOST_NAMES]
    rest = ~np.isin(values, shown)
    axes.scatter(*place[rest].T, s=4, color="#cccccc", linewidths=0)
    for colour, name in zip(SERIES, shown, strict=False):
        axes.scatter(*place[values == name].T, s=5, color=colour, label=name or "unknown", alpha=0.7, linewidths=0)
    axes.legend(fontsize=8, markerscale=2)
