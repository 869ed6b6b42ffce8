"""report: what a model of tracks knows of genes, as a page with tables and pictures, and as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from foundation.evaluation.bootstrap import Interval
from foundation.evaluation.genes.compared import Compared, gained, words
from foundation.evaluation.report import Picture, Report, Section, Table, Text
from foundation.evaluation.written import write_all
from foundation.figures.canvas import SERIES, canvas, picture

LABELS = {
    "average_precision": "AUPRC", "top": "top-k", "recovered": "recovered", "exact": "all as annotated",
    "log_likelihood": "log-likelihood, nats",
    "pearson": "Pearson", "spearman": "Spearman", "f1": "macro F1", "balanced": "balanced accuracy", "r2": "R²",
    "rank": "Spearman",
}  # fmt: skip
ABOUT = (
    "Every line answers the same question on the same genes. In brackets: 68 % intervals over draws of genes; gains "
    "are paired, against the first line. Simple models see letters alone and were fitted to other genes."
)


def write_study(found: Mapping[str, Sequence[Compared]], settings: Mapping[str, object], out: Path) -> None:
    """Write results.json, report.html and its pictures."""
    about = ", ".join(f"{name} {value}" for name, value in settings.items())
    sections = [_section(number, title, ways) for number, (title, ways) in enumerate(found.items())]
    sections[0] = Section(sections[0].title, [Text(ABOUT), *sections[0].blocks])
    results = {title: [way.plain() for way in ways] for title, ways in found.items()}
    write_all(Report("Genes that the model was not trained on", sections, about), {**settings, "tasks": results}, out)


def _section(number: int, title: str, ways: Sequence[Compared]) -> Section:
    statistics = list(ways[0].scores)
    head = ["shown, or simple model"]
    for s in statistics:
        head += [LABELS.get(s, s), "gain"]
    rows = []
    for way in ways:
        cells = [[words(way.scores[s]), gained(way.gains[s]) if s in way.gains else ""] for s in statistics]
        rows.append([way.name, *(cell for pair in cells for cell in pair)])
    values = {way.name: way.scores[statistics[0]] for way in ways}
    best = max(range(len(ways)), key=lambda i: ways[i].scores[statistics[0]].value)
    caption = f"{title}: {LABELS.get(statistics[0], statistics[0])} with 68 % intervals."
    drawn = Picture(f"study_{number}", intervals(values, LABELS.get(statistics[0], statistics[0])), caption)
    return Section(title, [Table(head, rows, frozenset({(best, 1)})), drawn])


@picture
def intervals(values: Mapping[str, Interval], label: str) -> Figure:
    """A point with its interval for each name, the first at the top."""
    figure, (axes,) = canvas(6.5, 0.6 + 0.28 * len(values))
    for y, value in enumerate(values.values()):
        axes.plot([value.low, value.high], [y, y], color=SERIES[0], lw=2)
        axes.plot(value.value, y, "o", color=SERIES[0], ms=5)
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()
    axes.set_xlabel(label)
    return figure
