"""files: designs as FASTA with scores in the headers, as CSV, and as one HTML report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from foundation.data.formats.fasta_writer import write_fasta
from foundation.evaluation.report import Picture, Report, Section, Table, Text, write_report
from foundation.files import write_table
from foundation.sampling.design.designs import Designs
from foundation.sampling.design.diversity import effective_number

LABELS = {  # of the columns that are drawn
    "length": "length [nt]",
    "gc": "fraction of G and C",
    "per_nucleotide": "log-likelihood [nats / nt]",
    "specificity": "specificity [nats]",
    "mfe": "least free energy [kcal/mol]",
}
SHOWN = 20  # designs in the report's table


def write_designs(path: Path, designs: Designs) -> None:
    """FASTA, one entry a design, best first: `>design_1 log_likelihood=-51.2 length=40 ...`."""
    write_fasta(path, ((f"design_{i + 1}", s, _row(designs, i)) for i, s in enumerate(designs.sequences)))


def write_csv(path: Path, designs: Designs) -> None:
    """One row a design, best first."""
    columns = ["name", "sequence", *(k for k, _ in _row(designs, 0)), *(["fold"] if designs.folds else [])]
    rows = (
        [f"design_{i + 1}", sequence, *(v for _, v in _row(designs, i)), *designs.folds[i : i + 1]]
        for i, sequence in enumerate(designs.sequences)
    )
    write_table(path, columns, rows)


def write_design_report(
    path: Path, kept: Designs, drawn: Designs, title: str, clauses: Sequence[str], settings: Mapping[str, object]
) -> None:
    """The best designs, a logo around the anchor, distributions, the constraints and how it was made."""
    from foundation.sampling.design.figures import distributions, sequence_logo

    labels = {label: name for name, label in LABELS.items() if name in kept.scores}
    columns, whole = ({label: d.scores[name] for label, name in labels.items()} for d in (kept, drawn))
    names = [k for k, _ in _row(kept, 0)]
    rows = [[kept.sequences[i], *(v for _, v in _row(kept, i))] for i in range(min(SHOWN, len(kept)))]
    said = (
        f"{len(drawn)} sequences were drawn and {len(kept)} kept; they count as "
        f"{effective_number(kept.sequences):.1f} different ones, if those that differ in less than a fifth of their "
        "letters share one vote."
    )
    logo = Picture("logo", sequence_logo(kept), "Information at each place around the anchor (dashed line).")
    shapes = Picture("distributions", distributions(columns, whole), "Kept designs (filled) among all drawn (line).")
    held = "\n\n".join(clauses) or "None but the range of lengths."
    sections = [
        Section("Designs", [Text(said), Table(["sequence", *names], rows)]),
        Section("Logo", [logo]),
        Section("Distributions", [shapes]),
        Section("Constraints, all fulfilled by every design", [Text(held)]),
        Section("How it was made", [Table(["setting", "value"], [[k, str(v)] for k, v in settings.items()])]),
    ]
    write_report(Report(title, sections, "foundation design"), path)


def _row(designs: Designs, i: int) -> list[tuple[str, str]]:
    """Names and values of a design's columns, as text."""
    values = [(name, _text(column[i])) for name, column in designs.scores.items()]
    return [("number", str(designs.number[i])), ("anchor", str(designs.anchor[i])), *values]


def _text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"
