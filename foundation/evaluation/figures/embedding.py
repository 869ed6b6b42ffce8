"""embedding: the frozen features in two dimensions, coloured by what is known."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal

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
def embedding_map(
    features: np.ndarray, labels: Mapping[str, np.ndarray], projection: Literal["pca", "umap"] = "pca"
) -> Figure:
    """One panel a label, the same points in each.

    Args:
        features: float32 [n, width], finite.
        labels: name -> [n] numbers or names.
        projection: principal components, or UMAP (arXiv:1802.03426), which wants umap-learn.
    """
    place, names = _PROJECTIONS[projection](StandardScaler().fit_transform(features))
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
            xlabel=names[0],
            ylabel=names[1],
        )
    return figure


def has_umap() -> bool:
    """Whether umap-learn is installed."""
    return find_spec("umap") is not None


def _components(features: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    pca = PCA(2, random_state=0)
    with np.errstate(invalid="ignore"):  # features that are all constant
        place = pca.fit_transform(features)
    share = pca.explained_variance_ratio_
    return place, (f"component 1 ({share[0]:.0%} of variance)", f"component 2 ({share[1]:.0%})")


def _neighbourhoods(features: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    import umap  # pyright: ignore[reportMissingImports] - the user's to install

    place = umap.UMAP(n_neighbors=min(15, len(features) - 1), random_state=0, n_jobs=1).fit_transform(features)
    return np.asarray(place), ("UMAP 1", "UMAP 2")


_PROJECTIONS = {"pca": _components, "umap": _neighbourhoods}


def _named(axes: Axes, place: np.ndarray, values: np.ndarray) -> None:
    names, counts = np.unique(values, return_counts=True)
    shown = names[np.argsort(-counts)][:MOST_NAMES]
    rest = ~np.isin(values, shown)
    axes.scatter(*place[rest].T, s=4, color="#cccccc", linewidths=0)
    for colour, name in zip(SERIES, shown, strict=False):
        axes.scatter(*place[values == name].T, s=5, color=colour, label=name or "unknown", alpha=0.7, linewidths=0)
    axes.legend(fontsize=8, markerscale=2)
