"""edit_report: how many transcripts edits restore, and what the model predicts of some of them, as a page and JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from foundation.data.biology.genes.layout import ACCEPTOR, DONOR, LETTERS
from foundation.evaluation.bootstrap import Drawn
from foundation.evaluation.report import Picture, Report, Section, Table, Text
from foundation.evaluation.written import write_all
from foundation.figures.canvas import SERIES, canvas, picture
from foundation.sampling.genes.conditions import Condition, junction_table
from foundation.sampling.genes.edited import Case
from foundation.sampling.genes.repair import Repair
from foundation.sampling.marginals import marginals

SHOWN = 6  # transcripts that are drawn
ONE_LETTER = "any one letter"
ABOUT = (
    "The mutation stays; letters of the window are changed. Numbers are of the best design of each way, the one of "
    "whose letters the model predicts junctions most like those it did before the mutation. Of all designs: the share "
    "before that choice. Wrong site: the largest probability of a donor or acceptor where none is wanted. Any one "
    "letter: transcripts that some change of one letter of the window restores, by the simulator, and the share of "
    "such changes. In brackets: 68 % intervals over draws of transcripts."
)


def write_edits(repair: Repair, cases: Sequence[Case], settings: Mapping[str, object], out: Path) -> None:
    """Write results.json, report.html and its pictures."""
    summary = summarised(cases)
    head = ["way", "transcripts", "restored, by the simulator", "of all designs", "edits", "wrong site"]
    rows = [
        [
            way,
            str(r["transcripts"]),
            *(_said(r.get(x)) for x in ("restored", "restored_of_all")),
            _said(r.get("edits"), 1),
            _said(r.get("wrong_site")),
        ]
        for way, r in summary.items()
    ]
    pictures = [_picture(repair, case, number) for number, case in enumerate(cases[:SHOWN])]
    sections = [Section("All transcripts", [Text(ABOUT), Table(head, rows)]), Section("Some of them", pictures)]
    about = ", ".join(f"{name} {value}" for name, value in settings.items())
    write_all(Report("Edits that restore splicing", sections, about), {**settings, "ways": summary}, out)


def summarised(cases: Sequence[Case]) -> dict[str, dict]:
    """Of each way, and of the transcripts before and after the mutation."""
    found = {
        name: {"transcripts": len(cases), "wrong_site": asdict(_mean([o.wrong for o in outlooks]).interval)}
        for name, outlooks in (
            ("before the mutation", [c.wild for c in cases]),
            ("mutated", [c.broken for c in cases]),
        )
    }
    single = [case.by_one for case in cases if case.by_one is not None]
    if single:
        columns = {"restored": [float(share > 0) for share in single], "restored_of_all": single}
        found[ONE_LETTER] = {"transcripts": len(single)} | {k: asdict(_mean(v).interval) for k, v in columns.items()}
    for way in cases[0].designs:
        best = [c.designs[way][0] for c in cases]
        columns = {"edits": [float(d.edits) for d in best], "wrong_site": [d.outlook.wrong for d in best]}
        told = [float(d.restored) for d in best if d.restored is not None]
        if told:
            each = [np.mean([bool(d.restored) for d in c.designs[way]]) for c in cases]
            columns |= {"restored": told, "restored_of_all": [float(x) for x in each]}
        found[way] = {"transcripts": len(best)} | {k: asdict(_mean(v).interval) for k, v in columns.items()}
    return found


def _mean(values: Sequence[float]) -> Drawn:
    array = np.array(values)
    return Drawn.of(lambda index: float(array[index].mean()), len(array))


def _said(interval: Mapping[str, float] | None, digits: int = 3) -> str:
    if interval is None:
        return ""
    value, low, high = (f"{interval[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _picture(repair: Repair, case: Case, number: int) -> Picture:
    best = next(iter(case.designs.values()))[0]
    task = case.task
    versions = {"before": task.wild, "mutated": task.tokens, "edited": task.edited(best.letters)}
    blind = Condition((LETTERS,))
    answers = marginals(repair.model, [blind.junctions(tokens) for tokens in versions.values()])
    sites = {
        name: junction_table(blind, task.tokens, a)[:, [ACCEPTOR, DONOR]].sum(1).numpy()
        for name, a in zip(versions, answers, strict=True)
    }
    place = task.tokens.position[task.tokens.of(LETTERS), 0].numpy() - task.mutated.place
    wanted = [edge - task.mutated.place for exon in task.mutated.exons for edge in exon]
    change = task.mutated
    caption = (
        f"{change.row.key}, {change.name}: {task.before} becomes {best.letters} ({best.edits} edits, {best.way}). "
        "Grey: the window; dashed: wanted edges of exons."
    )
    return Picture(f"edit_{number}", along(sites, place, repair.window, wanted), caption)


@picture
def along(
    sites: Mapping[str, np.ndarray], place: np.ndarray, window: tuple[int, int], wanted: Sequence[float]
) -> Figure:
    """Probability of a site along the stretch, one panel for each version."""
    figure, axes = canvas(7.5, 1.3 * len(sites), len(sites), 1, sharex=True, sharey=True)
    for a, colour, (name, values) in zip(axes, SERIES, sites.items(), strict=False):
        a.axvspan(*window, color="0.9")
        for edge in wanted:
            a.axvline(edge, color="k", lw=0.6, ls="--", alpha=0.4)
        a.plot(place, values, color=colour, lw=1)
        a.set(ylim=(0, 1.02), ylabel=name, xlim=(float(place[0]), float(place[-1])))
    axes[-1].set_xlabel("letters from the mutation")
    return figure
