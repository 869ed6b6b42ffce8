"""The `genes edit` verb: edits near a mutation that bring back the splicing of a transcript, without undoing it."""

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from foundation.data.biology.genes.layout import LETTERS, MARKS
from foundation.data.formats.source import open_source
from foundation.data.formats.vcf import read_substitutions
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError
from foundation.files import write_table
from foundation.model.stored import locate
from foundation.progress import track
from foundation.sampling.choose import Choice
from foundation.sampling.genes.edited import Case, case_of, restored
from foundation.sampling.genes.mutated import Mutated, mutated
from foundation.sampling.genes.repair import Repair, Task, Way
from foundation.sampling.genes.trained import stretches_of, tracks_model
from foundation.sampling.trained import trained_policy

COLUMNS = (
    "transcript", "variant", "place", "way", "rank", "seed", "edits", "window", "design", "likeness", "log_likelihood",
    "wrong_site", "kept_site", "restored",
)  # fmt: skip


def edit(
    model: str, data: Path, *, variants: Path, out: Path, window: tuple[int, int] = (-60, -1),
    ways: Sequence[Way] = ("confidence",), n: int = 8, most: int = 0, keep: Literal["translation"] | None = None,
    choice: Choice = Choice(), steps: int = 8,  # noqa: B008  frozen
    simulated: bool = False, limit: int | None = None, seed: int = 0, device: str = "cpu",
) -> None:  # fmt: skip
    """Design edits that restore the splicing of mutated transcripts.

    The mutation stays. Letters of a window near it are drawn by a model that is shown the wanted junctions and the
    letters around; of n designs that is first from whose letters it predicts what is likest its prediction before the
    mutation. Variants of letters that a wanted site needs itself, such as the GU of an intron, are left out and
    counted. Writes designs.csv, results.json and report.html.

    Example:
        foundation genes edit runs/genes/model/export runs/genes/split/test --variants runs/genes/variants.vcf \\
            --ways '[confidence, vote, chance]' --simulated --out runs/genes/edited

    Args:
        model: directory of an exported model of tracks with its tokenizers, or a hub name.
        data: record shards of transcripts.
        variants: VCF file of substitutions.
        out: directory to write.
        window: first and last place that may be edited, in reading order from the mutated letter.
        ways: one-shot; random or confidence: in so many steps in this order; vote: from means over random parts;
            search: every other letter of the window is tried, the best taken, and again up to --most letters; for
            comparison "letters alone": without the wanted junctions, and chance: any letters.
        n: designs of each way.
        most: letters that a design may change; 0 = all of the window. Where letters are many, nearly any change of so
            many restores the splicing, also by chance.
        choice: temperature, top_k and top_p.
        steps: passes of the model for a design.
        simulated: the transcripts are of `foundation simulate genes`; its spliceosome then says what each design does,
            and transcripts that a variant does not alter are left out.
        limit: edit the first so many mutated transcripts.
        seed: of the first design; all others, transcript by transcript, count from it.
        device: where the model runs.

    Raises:
        FoundationError: no variant in any transcript, another assembly, or a model that was not trained for it.
    """
    if n < 1 or steps < 1 or not ways:
        raise FoundationError(f"n {n}, steps {steps}, ways {list(ways)}. Give 1 or more of each.")
    network, policy = tracks_model(model, device), trained_policy(locate(model))
    trained = policy.support([s.name for s in network.spaces])
    repair = Repair(network, trained, stretches_of(policy).length, window, choice, steps, most, keep)
    tasks = _tasks(repair, data, variants, simulated, limit)
    cases = [
        case_of(repair, task, ways, n, seed + i * n, simulated)
        for i, task in enumerate(track(tasks, "edit", len(tasks)))
    ]
    write_table(out / "designs.csv", COLUMNS, _rows(cases))
    from foundation.sampling.genes.edit_report import write_edits  # matplotlib

    settings = {"model": model, "data": str(data), "variants": str(variants), "window": list(window), "n": n}
    write_edits(repair, cases, {**settings, "most": most, "keep": keep, "steps": steps, "seed": seed}, out)


def _tasks(repair: Repair, data: Path, variants: Path, simulated: bool, limit: int | None) -> list[Task]:
    """The first mutated transcripts; simulated ones that are spliced as before are none."""
    changes = _mutated(data, variants)
    every = (repair.task(m, repair.model.tokenise([m.row], [LETTERS, MARKS])[0]) for m in changes)
    tasks = list(islice((t for t in every if not (simulated and restored(t, t.before))), limit))
    if not tasks:
        raise FoundationError(f"{variants}: none of its variants alters the splicing of a transcript of {data}.")
    return tasks


def _mutated(data: Path, variants: Path) -> list[Mutated]:
    rows = [s for s in RecordShards(data) if LETTERS in s and MARKS in s]
    with open_source(variants) as source:
        read = read_substitutions(source)
    found, reasons = mutated(rows, read.found, str(variants))
    reasons["are no substitutions of one letter"] += read.others
    for reason, count in (+reasons).items():
        print(f"left out: {count} variants {reason}", file=sys.stderr)
    if not found:
        raise FoundationError(f"{variants}: none of {len(read.found)} substitutions can be repaired in {data}.")
    return found


def _rows(cases: Sequence[Case]) -> Iterator[tuple[object, ...]]:
    for case in cases:
        change = case.task.mutated
        for way, designs in case.designs.items():
            for rank, d in enumerate(designs, 1):
                told_by = (d.outlook.likeness, d.outlook.likelihood, d.outlook.wrong, d.outlook.kept)
                told = "" if d.restored is None else str(d.restored).lower()
                yield (
                    change.row.key, change.name, change.place + 1, way, rank, d.seed, d.edits, case.task.before,
                    d.letters, *(f"{x:.4f}" for x in told_by), told,
                )  # fmt: skip
