"""picture: policies side by side: how busy the ranks are, and how the imbalance of the steps is distributed."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from foundation.figures.canvas import SERIES, canvas, picture


@picture
def policies_compared(imbalance: Mapping[str, np.ndarray]) -> Figure:
    """Bars of the busy fraction, and for each imbalance the fraction of steps below it.

    Args:
        imbalance: label of a policy -> [steps], time of the step over the mean busy time, minus 1.
    """
    figure, (left, right) = canvas(9.0, 3.2, 1, 2)
    for place, values in enumerate(imbalance.values()):
        colour, busy = SERIES[place % len(SERIES)], float(np.mean(1 / (1 + values)))
        left.barh(place, busy, color=colour)
        left.text(busy - 0.01, place, f"{busy:.1%}", ha="right", va="center", color="white")
        right.plot(100 * np.sort(values), np.linspace(0, 1, len(values)), "-" if place % 2 else "--", color=colour)
    left.set(
        yticks=range(len(imbalance)), yticklabels=list(imbalance), xlim=(0, 1), xlabel="busy fraction of the ranks"
    )
    left.invert_yaxis()
    right.axhline(0.95, color="k", lw=0.8, ls=":")
    right.set(xlabel="imbalance of a step [%]", ylabel="fraction of steps below", xlim=(0, None), ylim=(0, 1.02))
    right.set_title("colours as on the left", fontsize=8)
    return figure
