"""inverse_report: designed sequences beside the one of the file, as a page and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64
from matplotlib.figure import Figure

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.residues import AREA, STATE
from foundation.data.biology.secondary import STATES
from foundation.evaluation.report import Picture, Report, Section, Table, Text
from foundation.evaluation.written import write_all
from foundation.figures.canvas import SERIES, canvas, picture
from foundation.sampling.design.diversity import effective_number
from foundation.sampling.genes.inverse_fold import Design, native_likelihood
from foundation.sampling.genes.refill import Refill, Way, by_composition, recovery
from foundation.sampling.genes.target import Target

SHOWN = 10  # designs in a table
ABOUT = (
    "Recovery: share of the designed residues with the letter of the file. Log-likelihood: of the model, nats a "
    "designed residue; designs are ranked by it. Different: how many sequences there are in effect, if those that "
    "differ in less than a fifth of their letters share one vote. Whether a design folds as wanted is not tested here."
)


def write_inverse(
    refill: Refill, designs: Mapping[Way, Sequence[Design]], settings: Mapping[str, object], out: Path
) -> None:
    """Write results.json, report.html and its pictures."""
    target, native = refill.target, native_likelihood(refill)
    chance = by_composition(target)
    summary = {way: summarised(some) for way, some in designs.items()}
    head = ["way", "designs", "recovery, mean", "of the likeliest", "log-likelihood, mean", "different"]
    rows = [[way, *(_said(v) for v in numbers.values())] for way, numbers in summary.items()]
    rows += [["the file", "1", _said(1.0), _said(1.0), _said(native), ""]]
    rows += [["its letters by chance", "", _said(chance), "", "", ""]]
    sections = [
        Section("All designs", [Text(ABOUT), Table(head, rows)]),
        Section("Where residues are recovered", [_by_place(target, designs)]),
        Section("Letters along the chain", _pictures(target, designs)),
        Section("The likeliest", [_listed(designs)]),
    ]
    about = ", ".join(f"{name} {value}" for name, value in settings.items())
    told = {
        "native_log_likelihood": native, "recovery_by_composition": chance, "ways": summary,
        "designs": {way: [asdict(d) for d in some] for way, some in designs.items()},
    }  # fmt: skip
    finite = {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in told.items()}
    write_all(Report(f"Sequences for {target.name}", sections, about), {**settings, **finite}, out)


def summarised(designs: Sequence[Design]) -> dict[str, float]:
    """What a way makes, the likeliest design first."""
    return {
        "designs": len(designs),
        "recovery": float(np.mean([d.recovery for d in designs])),
        "recovery_of_likeliest": designs[0].recovery,
        "log_likelihood": float(np.mean([d.log_likelihood for d in designs])),
        "different": effective_number([d.letters for d in designs]),
    }


def composition(letters: Sequence[str], where: Bool[np.ndarray, "L"]) -> Float64[np.ndarray, "20"]:
    """Share of each amino acid at these places of all sequences."""
    chosen = np.concatenate([np.array(list(text))[where] for text in letters])
    counts = np.array([(chosen == letter).sum() for letter in AMINO_ACIDS], float)
    return counts / max(counts.sum(), 1)


def _by_place(target: Target, designs: Mapping[Way, Sequence[Design]]) -> Table:
    area = target.values(AREA)
    middle = np.nanmedian(area)
    places = {"buried half": area <= middle, "open half": area > middle}
    if STATE in target.records:
        states = target.values(STATE)
        helix, strand = (np.isin(states, [STATES.index(x) for x in names]) for names in ("HGI", "EB"))
        places |= {"helices": helix, "strands": strand, "other": target.there & ~helix & ~strand}
    rows = [
        [name, str(int((where & target.designed).sum()))]
        + [_said(float(np.mean([recovery(target, d.letters, where) for d in some]))) for some in designs.values()]
        for name, where in places.items()
        if (where & target.designed).any()
    ]
    return Table(["mean recovery", "residues", *designs], rows)


def _listed(designs: Mapping[Way, Sequence[Design]]) -> Table:
    rows = [
        [way, str(rank), str(d.seed), _said(d.log_likelihood), _said(d.recovery), d.letters]
        for way, some in designs.items()
        for rank, d in enumerate(some[:SHOWN], 1)
    ]
    return Table(["way", "rank", "seed", "log-likelihood", "recovery", "letters"], rows)


def _pictures(target: Target, designs: Mapping[Way, Sequence[Design]]) -> list[Picture]:
    way, some = next(iter(designs.items()))
    said = f"Share of each letter among the designs by {way}; marks are the letters of the file."
    return [
        Picture("letters", _along(target, some), said),
        Picture("composition", _shares(target, some), f"Letters of all designed residues, by {way} and in the file."),
    ]


@picture
def _along(target: Target, designs: Sequence[Design]) -> Figure:
    """Letters by place."""
    shares = np.array(
        [[np.mean([d.letters[i] == x for d in designs]) for i in range(len(target.kept))] for x in AMINO_ACIDS]
    )
    figure, (axes,) = canvas(max(6, 0.07 * len(target.kept)), 3)
    axes.imshow(shares, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    own = [(i, AMINO_ACIDS.index(x)) for i, x in enumerate(target.native) if x in AMINO_ACIDS]
    axes.plot(*np.array(own).T, "o", ms=2.5, mfc="none", mec=SERIES[1], mew=0.7)
    axes.set_yticks(range(len(AMINO_ACIDS)), list(AMINO_ACIDS), fontsize=6)
    axes.set(xlabel="place")
    axes.grid(False)
    return figure


@picture
def _shares(target: Target, designs: Sequence[Design]) -> Figure:
    """Composition of the designs and of the file."""
    figure, (axes,) = canvas(6, 2.2)
    x = np.arange(len(AMINO_ACIDS))
    axes.bar(x - 0.2, composition([d.letters for d in designs], target.designed), 0.4, color=SERIES[0], label="designs")
    axes.bar(x + 0.2, composition([target.native], target.designed), 0.4, color=SERIES[4], label="file")
    axes.set_xticks(x, list(AMINO_ACIDS))
    axes.set(ylabel="share")
    axes.legend(fontsize=7)
    return figure


def _said(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}" if isinstance(value, float) else str(value)
