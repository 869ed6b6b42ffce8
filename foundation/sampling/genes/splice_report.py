"""splice_report: predicted junctions beside the annotation, as a page and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np
from matplotlib.figure import Figure

from foundation.data.biology.genes.layout import ACCEPTOR, DONOR, MARKS
from foundation.data.biology.track import Track
from foundation.evaluation.bootstrap import Drawn
from foundation.evaluation.genes.matrices import AROUND
from foundation.evaluation.genes.sites import KINDS, SiteScores, sites_of
from foundation.evaluation.report import Picture, Report, Section, Table, Text
from foundation.evaluation.written import write_all
from foundation.figures.canvas import SERIES, canvas, picture
from foundation.sampling.genes.splice import Spliced

SHOWN = 6  # transcripts that are drawn
ABOUT = (
    "AUPRC: area under precision over recall of all places; top-k: share of true sites among as many best-scored "
    "places; exons as annotated: transcripts of which all likeliest exons are the annotated ones. In brackets: 68 % "
    "intervals over draws of transcripts."
)


def write_spliced(found: Sequence[Spliced], settings: Mapping[str, object], out: Path) -> None:
    """Write results.json, report.html and its pictures."""
    measured = {name: asdict(drawn.interval) for name, drawn in scores(found).items()}
    said = [[name, f"{v['value']:.3f} ({v['low']:.3f} to {v['high']:.3f})"] for name, v in measured.items()]
    pictures = [
        Picture(f"spliced_{i}", along(one), f"{one.row.key}: bars below are predicted and annotated exons.")
        for i, one in enumerate(found[:SHOWN])
    ]
    table = Table(["against the annotation", f"of {len(found)} transcripts"], said)
    sections = [Section("Beside the annotation", [Text(ABOUT), table]), Section("Some transcripts", pictures)]
    about = ", ".join(f"{name} {value}" for name, value in settings.items())
    results = {**settings, "transcripts": len(found), "scores": measured}
    write_all(Report("Predicted splicing", sections, about), results, out)


def scores(found: Sequence[Spliced]) -> dict[str, Drawn]:
    """AUPRC and top-k of acceptors and donors that are annotated, and the share of transcripts with all exons right."""
    drawn = {}
    for kind in AROUND:
        sites = [sites_of(cast(Track, one.row[MARKS]), kind) for one in found]
        if any(s.any() for s in sites):
            of_kind = SiteScores([one.table[:, KINDS[kind]] for one in found], sites)
            drawn |= {f"{kind}s, AUPRC": of_kind.drawn(), f"{kind}s, top-k": of_kind.drawn("top")}
    right = np.array([one.exons == one.annotated for one in found], float)
    drawn["exons as annotated"] = Drawn.of(lambda index: float(right[index].mean()), len(right))
    return drawn


@picture
def along(one: Spliced) -> Figure:
    """Probabilities of acceptors and donors along a transcript, with predicted and annotated exons below."""
    figure, (axes,) = canvas(7.5, 1.9)
    for kind, name, colour in ((ACCEPTOR, "acceptor", SERIES[0]), (DONOR, "donor", SERIES[1])):
        axes.plot(one.table[:, kind], color=colour, lw=0.9, label=name)
    for y, exons, colour in ((-0.1, one.exons, SERIES[2]), (-0.22, one.annotated, SERIES[6])):
        axes.broken_barh([(a, b - a) for a, b in exons], (y - 0.04, 0.08), color=colour)
    axes.set(ylim=(-0.3, 1.03), xlim=(0, len(one.table)), xlabel="letters", ylabel="probability")
    axes.legend(fontsize=7, loc="upper right")
    return figure
