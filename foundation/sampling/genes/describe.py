"""The `genes describe` verb: words about transcripts and proteins, written from their sequences and tracks."""

import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from foundation.data.biology.genes.account import Account
from foundation.data.biology.genes.layout import PROTEIN
from foundation.data.biology.genes.rows import RowLimits
from foundation.data.records import Record, Sample
from foundation.data.text import Text
from foundation.errors import FoundationError
from foundation.evaluation.report import Report, Section, Table
from foundation.evaluation.report import Text as Paragraph
from foundation.evaluation.written import write_all
from foundation.files import write_table
from foundation.model.stored import locate
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.choose import Choice
from foundation.sampling.genes.source import transcripts
from foundation.sampling.genes.trained import tracks_model
from foundation.sampling.pathways import check_trained
from foundation.sampling.texts import Blank, written
from foundation.sampling.trained import trained_policy
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.text import TextTokenizer

TABLE = "descriptions.csv"
SHOWN = 40  # rows of the report
ABOUT = "Surprise: of the written pieces, in nats each, by the model; the lower, the surer it is of them."


class Description(NamedTuple):
    """Words written about a row, how sure the model is, and what is known."""

    row: Sample
    number: int
    words: str
    surprise: float
    known: str


def describe(
    model: str, files: list[str], *, out: Path, text: str = "funcprot_caption", given: Sequence[str] = (PROTEIN,),
    pieces: int = 40, n: int = 1, choice: Choice = Choice(temperature=0.0), limits: RowLimits = RowLimits(),  # noqa: B008
    limit: int | None = None, seed: int = 0, device: str = "cpu",
) -> None:  # fmt: skip
    """Write words about transcripts or their proteins, piece by piece, from what is given.

    Writes descriptions.csv, results.json and report.html, where what was written stands beside what is known. Text
    number i has the seed `--seed` + i for every row, whatever else is written.

    Example:
        foundation genes describe runs/genes/model/export runs/genes/split/test --text funcprot_caption \\
            --given '[aa_seq]' --pieces 30 --out runs/genes/described

    Args:
        model: directory of an exported model of tracks with its tokenizers, or a hub name.
        files: directory of record shards, or genome and annotation and NAME=FILE, as `foundation genes ingest` takes.
        out: directory to write.
        text: modality of words.
        given: modalities that are shown.
        pieces: of words, in each text; models of tracks know no end, so texts may stop in the middle of a sentence.
        n: texts for each row; more than one want a temperature.
        choice: how each piece is chosen, the likeliest unless told otherwise.
        limits: flanks and lengths of rows that are made of files.
        limit: the first so many rows.
        seed: of the first text.
        device: where the model runs.

    Raises:
        FoundationError: files without a row that has what is given, a modality of no words, or one not trained for.
    """
    network = tracks_model(model, device)
    tokenizer = _tokenizer(network, text, pieces)
    policy = trained_policy(locate(model))
    check_trained(frozenset((name, text) for name in given), policy.support([s.name for s in network.spaces]))
    account = Account()
    rows = list(islice((s for s in transcripts(files, limits, account) if set(given) <= set(s)), limit))
    for line in account.summary() if account.problems else ():
        print(line, file=sys.stderr)
    if not rows:
        raise FoundationError(f"{', '.join(files)}: no row has {', '.join(given)}. Give other files or tracks.")
    found = [d for number in range(n) for d in described(network, tokenizer, rows, given, pieces, choice, seed, number)]
    _write_table(found, out / TABLE)
    shown = [[d.row.key, d.words, f"{d.surprise:.2f}", d.known] for d in found[:SHOWN]]
    blocks = [Paragraph(ABOUT), Table(["row", "written", "surprise", "known"], shown)]
    settings = {"model": model, "files": files, "shown": " + ".join(given), "pieces": pieces, "texts of a row": n}
    about = ", ".join(f"{name} {value}" for name, value in settings.items())
    results = {**settings, "surprise": float(np.mean([d.surprise for d in found]))}
    write_all(Report(f"Written: {text}", [Section("Beside what is known", blocks)], about), results, out)


def described(
    model: TrackModel, tokenizer: TextTokenizer, rows: Sequence[Sample], given: Sequence[str], pieces: int,
    choice: Choice, seed: int = 0, number: int = 0,
) -> list[Description]:  # fmt: skip
    """One text for each row, in their order."""
    blank = Blank(tokenizer.space, tokenizer.config.track, pieces, len(tokenizer.config.pieces))
    known = model.tokenise([{name: row[name] for name in given} for row in rows], list(given))
    texts = written(model, known, blank, choice, [seed + number] * len(rows))
    words = tokenizer.decode([one.tokens for one in texts])
    return [
        Description(row, number, _words(record), -float(one.log_likelihood.mean()), _words(row.get(tokenizer.name)))
        for row, one, record in zip(rows, texts, words, strict=True)
    ]


def _words(record: Record | None) -> str:
    return record.words if isinstance(record, Text) else ""


def _tokenizer(model: TrackModel, text: str, pieces: int) -> TextTokenizer:
    known = cast(TokenizerBundle, model.tokenizers).tokenizers
    if not isinstance(found := known.get(text), TextTokenizer):
        names = [name for name, t in known.items() if isinstance(t, TextTokenizer)]
        raise FoundationError(f"text {text!r}; the model has {', '.join(names) or 'no texts'}. Give one of its texts.")
    if not 1 <= pieces <= found.config.longest:
        raise FoundationError(f"--pieces {pieces}: {text} has 1 to {found.config.longest}. Give such a number.")
    return found


def _write_table(found: Sequence[Description], path: Path) -> None:
    rows = ((d.row.key, d.number, f"{d.surprise:.4f}", d.words, d.known) for d in found)
    write_table(path, ("row", "number", "surprise", "written", "known"), rows)
