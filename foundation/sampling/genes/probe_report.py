"""probe_report: predicted signals beside measured ones, and how well RNA folds by them, as a page and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from foundation.evaluation.bootstrap import Drawn, Interval
from foundation.evaluation.genes.compared import words
from foundation.evaluation.report import Picture, Report, Section, Table, Text
from foundation.evaluation.written import write_all
from foundation.figures.canvas import SERIES, canvas, picture
from foundation.sampling.genes.folds import Fold, Probed

SHOWN = 6  # transcripts that are drawn
ABOUT = (
    "Correlation: Pearson's, of all places with a measured value. F1: of known pairs of bases, in stretches around "
    "them that ViennaRNA folds. In brackets: 68 % intervals over draws of transcripts."
)


def write_probed(
    found: Sequence[Probed], folds: Sequence[Fold], signal: str, settings: Mapping[str, object], out: Path
) -> None:
    """Write results.json, report.html and its pictures."""
    measured = {"correlation": correlation(found)} if any(p.measured is not None for p in found) else {}
    ways = {way: f1([f for f in folds if f.way == way]) for way in dict.fromkeys(f.way for f in folds)}
    rows = [[name, words(value)] for name, value in measured.items()]
    rows += [[f"F1, folded from {way}", words(value)] for way, value in ways.items()]
    blocks = [Text(ABOUT), Table(["", f"of {len(found)} transcripts"], rows)] if rows else [Text("Nothing to compare.")]
    pictures = [Picture(f"probe_{i}", along(one), one.row.key) for i, one in enumerate(found[:SHOWN])]
    sections = [Section("Beside what is known", blocks), Section("Some transcripts", pictures)]
    about = ", ".join(f"{name} {value}" for name, value in settings.items())
    scores = {name: asdict(value) for name, value in (measured | ways).items()}
    write_all(Report(f"Predicted {signal}", sections, about), {**settings, "scores": scores}, out)


def correlation(found: Sequence[Probed]) -> Interval:
    """Pearson's, over all places with a measured value."""
    both = [(p.values, p.measured) for p in found if p.measured is not None]
    kept = [(values[~np.isnan(known)], known[~np.isnan(known)]) for values, known in both]

    def of(index: np.ndarray) -> float:
        x, y = (np.concatenate([kept[i][side] for i in index]) for side in (0, 1))
        return float(np.corrcoef(x, y)[0, 1])

    return Drawn.of(of, len(kept)).interval


def f1(folds: Sequence[Fold]) -> Interval:
    """Of the pairs of all transcripts together: twice those that are right over the known and the found."""
    counts = np.array([(f.right, f.known, f.found) for f in folds], float)

    def of(index: np.ndarray) -> float:
        right, known, made = counts[index].sum(0)
        return float(2 * right / max(known + made, 1))

    return Drawn.of(of, len(counts)).interval


@picture
def along(one: Probed) -> Figure:
    """The predicted signal over the measured one."""
    figure, (axes,) = canvas(7.5, 1.7)
    if one.measured is not None:
        axes.bar(range(len(one.measured)), np.nan_to_num(one.measured), color="0.8", width=1, label="measured")
    axes.plot(one.values, color=SERIES[0], lw=0.8, label="predicted")
    axes.set(xlabel="letters", xlim=(0, len(one.values)))
    axes.legend(fontsize=7, loc="upper right")
    return figure
