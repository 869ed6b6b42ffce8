"""probe_section: a data set in the report of probes: errors by source and budget, learning curves, predictions."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure

from foundation.evaluation.fields.clips import Clips
from foundation.evaluation.fields.regress import MEAN, Regression
from foundation.evaluation.figures.regression import predicted_and_true
from foundation.evaluation.report import Picture, Section, Table, Text
from foundation.figures.canvas import SERIES, canvas, picture

EXPLAINED = (
    "Mean square error of the parameter in units of its own spread over the training trajectories: 0 is perfect, 1 as "
    "bad as always saying the mean. Below each heading the share of the labels that was learned from. In brackets the "
    "68 % interval over test trajectories. The best of a column is shaded."
)


def probe_section(title: str, clips: Clips, found: Sequence[Regression]) -> Section:
    """Everything about one data set."""
    counts = ", ".join(f"{len(clips.members(split))} to {use}" for split, use in
                       (("train", "learn from"), ("valid", "choose on"), ("test", "be tested on")))  # fmt: skip
    about = f"Trajectories: {counts}; {clips.each} windows of {clips.frames} frames of each."
    pictures = list(_pictures(title, clips, found))
    return Section(title, [Text(about, faint=True), error_table(found), Text(EXPLAINED, faint=True), *pictures])


def error_table(found: Sequence[Regression]) -> Table:
    """A row a source and probe, a column a parameter and budget."""
    rows = list(dict.fromkeys((r.source, r.probe) for r in found))
    columns = list(dict.fromkeys((r.parameter.label, r.budget) for r in found))
    errors = {((r.source, r.probe), (r.parameter.label, r.budget)): r.error for r in found}
    cells = [[errors[row, column] for column in columns] for row in rows]
    best = np.argmin([[cell.value for cell in line] for line in cells], 0)
    headings = ["features", "probe", *(f"{label}, {budget:.0%}" for label, budget in columns)]
    texts = [[f"{c.value:.3g} ({c.low:.2g} to {c.high:.2g})" for c in line] for line in cells]
    marked = frozenset((int(row), column + 2) for column, row in enumerate(best))
    return Table(headings, [[*row, *line] for row, line in zip(rows, texts, strict=True)], marked)


@picture
def learning_curves(label: str, found: Sequence[Regression]) -> Figure:
    """The error against the number of labelled trajectories, with its interval; one line a source and probe."""
    figure, (axes,) = canvas(7.2, 3.4)
    for number, (source, probe) in enumerate(dict.fromkeys((r.source, r.probe) for r in found)):
        own = sorted((r for r in found if (r.source, r.probe) == (source, probe)), key=lambda r: r.trained)
        trained, errors = [r.trained for r in own], np.array([[r.error.value, r.error.low, r.error.high] for r in own])
        reach = np.abs(errors[:, 1:] - errors[:, :1]).T
        style = {"color": SERIES[number % len(SERIES)], "label": f"{source} {probe}".strip(), "ms": 4, "lw": 1}
        axes.errorbar(trained, errors[:, 0], reach, fmt="o-", capsize=2, **style)
    axes.set(xscale="log", yscale="log", xlabel="labelled trajectories", ylabel="mean square error", title=label)
    figure.legend(fontsize=7, loc="outside right upper")
    return figure


def _pictures(title: str, clips: Clips, found: Sequence[Regression]) -> Iterator[Picture]:
    tested = [clips.scalars[i] for i in clips.members("test")]
    for parameter in dict.fromkeys(r.parameter for r in found):
        own = [r for r in found if r.parameter == parameter]
        stem = f"{title}_{parameter.name}".replace(" ", "_")
        caption = f"{parameter.label}: error against the number of labels."
        yield Picture(f"{stem}_labels", learning_curves(parameter.label, own), caption)
        true = parameter.back(parameter.normalised(tested))
        best = {name: parameter.back(r.predicted) for name, r in _best(own).items()}
        shown = predicted_and_true(parameter.label, true, best, False)
        yield Picture(f"{stem}_predicted", shown, "Predicted against true, mean over the windows of a trajectory.")


def _best(found: Sequence[Regression]) -> dict[str, Regression]:
    """Of each source the better probe, with the most labels."""
    most = max(r.budget for r in found)
    best: dict[str, Regression] = {}
    for r in found:
        if (
            r.budget == most
            and r.source != MEAN
            and (r.source not in best or r.error.value < best[r.source].error.value)
        ):
            best[r.source] = r
    return best
