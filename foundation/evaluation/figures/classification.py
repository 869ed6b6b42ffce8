"""classification: which class is taken for which."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from foundation.figures.canvas import canvas, picture


@picture
def confusion_matrices(classes: Sequence[str], counts: Mapping[str, np.ndarray]) -> Figure:
    """Rows are true classes: shade and per cent of the row, count below; one panel a source.

    Args:
        counts: source -> int64 [classes, classes].
    """
    size = max(2.6, 0.75 * len(classes) + 1.4)
    figure, axes = canvas((size + 0.3) * len(counts), size, 1, len(counts), sharey=True)
    for a, (source, matrix) in zip(axes, counts.items(), strict=True):
        share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        a.imshow(share, vmin=0, vmax=1, cmap="Blues", origin="upper")
        a.grid(False)
        for (row, column), value in np.ndenumerate(matrix):
            colour = "white" if share[row, column] > 0.5 else "black"
            text = f"{100 * share[row, column]:.0f} %\n{value}"
            a.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        a.set_xticks(range(len(classes)), classes)
        a.set_yticks(range(len(classes)), classes)
        a.set(title=source, xlabel="predicted")
    axes[0].set_ylabel("true")
    return figure
