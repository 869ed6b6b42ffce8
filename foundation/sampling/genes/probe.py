"""The `genes probe` verb: what chemical probing, or any other signal along a transcript, would show."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np

from foundation.data.biology.genes.account import Account
from foundation.data.biology.genes.layout import LETTERS
from foundation.data.biology.genes.rows import RowLimits
from foundation.data.biology.sequence import Sequence as Letters
from foundation.data.biology.track import Track
from foundation.data.records import Sample
from foundation.data.text import Text
from foundation.errors import FoundationError
from foundation.files import whole_file
from foundation.model.stored import locate
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.genes.conditions import Condition
from foundation.sampling.genes.folds import Probed, folded, known_structures
from foundation.sampling.genes.source import transcripts
from foundation.sampling.genes.trained import stretches_of, tracks_model
from foundation.sampling.marginals import Question, Stretches, in_stretches
from foundation.sampling.pathways import check_trained
from foundation.sampling.trained import trained_policy
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.track_bins import DigitiserTokenizer

CONTEXT = "context"  # the modality that tells what the experiment was
TOGETHER = 32  # rows that are predicted at a time


def probe(
    model: str, files: list[str], *, out: Path, signal: str = "rasp2", given: Sequence[str] = (LETTERS,),
    context: str = "", structures: Path | None = None, longest_fold: int = 600, limits: RowLimits = RowLimits(),  # noqa: B008
    limit: int | None = None, device: str = "cpu",
) -> None:  # fmt: skip
    """Predict a signal along transcripts, such as reactivities of chemical probing, and fold RNA by it.

    What the experiment was is shown as a text: --context is given to all transcripts, or, with `context` in --given,
    each has its own. With ViennaRNA installed, RNAs of --structures are folded from letters alone and with the
    predicted reactivities as soft constraints, and compared with the known pairs. Writes a bedGraph for each strand,
    results.json and report.html, where predictions stand beside what was measured.

    Example:
        foundation genes probe runs/genes/model/export runs/genes/split/test --structures runs/genes/truth.jsonl \\
            --out runs/genes/probed

    Args:
        model: directory of an exported model of tracks with its tokenizers, or a hub name.
        files: directory of record shards, or genome and annotation and NAME=FILE, as `foundation genes ingest` takes.
        out: directory to write.
        signal: track of numbers to predict.
        given: modalities that are shown.
        context: words about the experiment, of the kind the model was trained with; shown beside what is given.
        structures: lines of JSON with the gene, its chromosome, start and strand, and its structure as a dot-bracket
            string, as `foundation simulate genes` writes.
        longest_fold: letters around known pairs that are folded.
        limits: flanks and lengths of rows that are made of files.
        limit: the first so many transcripts.
        device: where the model runs.

    Raises:
        FoundationError: files that make no row with what is given, a signal of no numbers, or one not trained for.
    """
    network, policy = tracks_model(model, device), trained_policy(locate(model))
    digitiser = _digitiser(network, signal)
    given = tuple(dict.fromkeys((*given, *([CONTEXT] if context else []))))
    check_trained(frozenset((name, signal) for name in given), policy.support([s.name for s in network.spaces]))
    account = Account()
    told = (_in_context(s, context) if context else s for s in transcripts(files, limits, account))
    rows = (s for s in told if {LETTERS, *given} <= set(s))
    found = list(probed(network, digitiser, islice(rows, limit), given, stretches_of(policy)))
    for line in account.summary() if account.problems else ():
        print(line, file=sys.stderr)
    if not found:
        raise FoundationError(f"{', '.join(files)}: no transcript has {', '.join(given)}. Give other files or tracks.")
    for strand, name in ((1, "plus"), (-1, "minus")):
        _write_graph(out / f"{signal}_{name}.bedGraph", [p for p in found if p.row.origin["strand"] == strand])
    folds = folded(found, known_structures(structures), longest_fold) if structures else []
    from foundation.sampling.genes.probe_report import write_probed  # matplotlib

    settings = {
        "model": model,
        "files": files,
        "shown": " + ".join(given),
        "context": context,
        "structures": str(structures),
    }
    write_probed(found, folds, signal, settings, out)


def probed(
    model: TrackModel, digitiser: DigitiserTokenizer, rows: Iterable[Sample], given: tuple[str, ...],
    stretches: Stretches,
) -> Iterator[Probed]:  # fmt: skip
    """Predictions for transcripts, in their order."""
    condition, rows = Condition(given), iter(rows)
    while chunk := list(islice(rows, TOGETHER)):
        answers = in_stretches(model, [_question(condition, model, row, digitiser) for row in chunk], stretches)
        for row, answer in zip(chunk, answers, strict=True):
            track = row.get(digitiser.name)
            known = track.values.astype(np.float64) if isinstance(track, Track) else None
            yield Probed(row, digitiser.expected(answer), known)


def _in_context(row: Sample, context: str) -> Sample:
    """The row with these words about the experiment."""
    return replace(row, records={**row.records, CONTEXT: Text(context)})


def _question(condition: Condition, model: TrackModel, row: Sample, digitiser: DigitiserTokenizer) -> Question:
    """Ask for the signal at each letter, whether it was measured or not."""
    blank = Track(np.full(len(cast(Letters, row[LETTERS]).letters), np.nan, np.float32), unit=digitiser.config.unit)
    shown = {name: row[name] for name in condition.given}
    tokens = model.tokenise([shown | {digitiser.name: blank}], [*condition.given, digitiser.name])[0]
    return condition.whole(tokens, digitiser.name)


def _digitiser(model: TrackModel, signal: str) -> DigitiserTokenizer:
    known = cast(TokenizerBundle, model.tokenizers).tokenizers
    if not isinstance(found := known.get(signal), DigitiserTokenizer):
        numbers = [name for name, t in known.items() if isinstance(t, DigitiserTokenizer)]
        raise FoundationError(f"signal {signal!r}; the model has the numbers {', '.join(numbers)}. Give one of these.")
    return found


def _write_graph(path: Path, found: Sequence[Probed]) -> None:
    """Values along the genome; where transcripts overlap the first has the place."""
    values: dict[tuple[str, int], float] = {}
    for one in found:
        origin = one.row.origin
        forward = one.values if origin["strand"] == 1 else one.values[::-1]
        for place, value in enumerate(forward.tolist(), int(cast(int, origin["start"]))):
            values.setdefault((str(origin["chromosome"]), place), value)
    with whole_file(path) as temporary, temporary.open("w") as file:
        for (chromosome, place), value in sorted(values.items()):
            file.write(f"{chromosome}\t{place}\t{place + 1}\t{value:.4f}\n")
