"""picture: hit rates side by side, with the best that each way to generate can reach, and how soon it gets there."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from foundation.evaluation.anchored.experiment import Outcome
from foundation.figures.canvas import SERIES, canvas, picture


@picture
def contest(outcomes: Mapping[str, Outcome], best: Mapping[str, float], steps: int) -> Figure:
    """Bars of the hit rate with a mark at the best possible, and hit rates after a quarter, half and all steps."""
    figure, (left, right) = canvas(9.0, 3.2, 1, 2)
    for place, (name, outcome) in enumerate(outcomes.items()):
        colour, hit = SERIES[place % len(SERIES)], outcome.metrics.hit
        left.barh(place, hit, color=colour)
        left.plot([best[name]] * 2, [place - 0.4, place + 0.4], color="k", lw=2)
        left.text(0.02, place, f"{hit:.3f}", va="center", color="white" if hit > 0.15 else "black")
        right.plot([steps / 4, steps / 2, steps], [*outcome.early, hit], "o-", color=colour, ms=4)
    left.set(yticks=range(len(outcomes)), yticklabels=list(outcomes), xlim=(0, 1.02), xlabel="hold their motif")
    left.invert_yaxis()
    left.set_title("bar: measured, line: best possible", fontsize=8)
    right.set(xlabel="training steps", ylabel="hold their motif", xlim=(0, None), ylim=(0, 1.02))
    right.set_title("colours as on the left", fontsize=8)
    return figure
