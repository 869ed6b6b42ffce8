"""The `genes evaluate` verb: what a trained model of tracks knows of genes it has not seen, beside simple models."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

from foundation.data.biology.genes.layout import LETTERS, MARKS, PROTEIN, gene_of
from foundation.data.records import Sample
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError
from foundation.evaluation.against import others
from foundation.evaluation.genes.baselines import MODELS
from foundation.evaluation.genes.compared import Compared
from foundation.evaluation.genes.measured import measured
from foundation.evaluation.genes.recovery import answers_of, recovery
from foundation.evaluation.genes.splicing import of_isoforms, splicing, tables
from foundation.evaluation.genes.surroundings import coding_places, with_surroundings
from foundation.model.stored import locate
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.genes.conditions import ENDS, Condition, conditions
from foundation.sampling.genes.trained import stretches_of, tracks_model
from foundation.sampling.marginals import Stretches
from foundation.sampling.pathways import Pathways
from foundation.sampling.trained import trained_policy
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.track_bins import DigitiserTokenizer

SEQUENCES = (LETTERS, PROTEIN)


def evaluate(
    model: str, data: Path, *, out: Path, fitted: Path | None = None, against: dict[str, Path] | None = None,
    beside: Sequence[str] = (), stretches: Stretches | None = None, hidden: float = 0.5, limit: int | None = None,
    seed: int = 0, device: str = "cpu",
) -> None:  # fmt: skip
    """Measure splice sites, recovery of hidden letters and residues, and predicted signals on held-out genes.

    Each question is asked with one modality shown, with each other track beside it, and with all: splice sites from
    letters alone (blind), with known ends of the transcript (isoform-aware), with conservation, and so on; whatever the
    model was trained for. Beside it stand simple models, fitted to the rows of --fitted. All intervals are 68 %, over
    draws of genes. Writes results.json, report.html and its pictures.

    Example:
        foundation genes evaluate runs/genes/model/export runs/genes/split/test --fitted runs/genes/split/train \\
            --out runs/genes/evaluated

    Args:
        model: directory of an exported model of tracks with its tokenizers, or a hub name.
        data: record shards of genes that the model was not trained on, as `foundation genes split` writes.
        out: directory to write.
        fitted: record shards that simple models learn from; without them these are left out.
        against: name -> other models, such as one that was trained on letters alone; they stand beside it where splice
            sites are asked from letters.
        beside: tracks that are shown beside; empty = all that the model was trained with.
        stretches: length and margin of the pieces in which long rows are read; by default as in training.
        hidden: share of letters and residues that are hidden, to be recovered.
        limit: measure the first so many rows.
        seed: of what is hidden.
        device: where the model runs.

    Raises:
        FoundationError: a model without tokenizers or of another kind, or no row with what is asked.
    """
    if not 0 < hidden <= 1 or (limit is not None and limit < 1):
        raise FoundationError(f"hidden {hidden}, limit {limit}. Give a share above 0, and a number of rows above 0.")
    network, policy = tracks_model(model, device), trained_policy(locate(model))
    names = [s.name for s in network.spaces]
    if unknown := set(beside) - {*names, ENDS}:
        raise FoundationError(f"beside {', '.join(sorted(unknown))}; there are {', '.join(names)} and {ENDS}.")
    rows = list(islice(RecordShards(data), limit))
    trained = policy.support(names)
    study = Study(network, trained, tuple(beside), stretches or stretches_of(policy), hidden, seed)
    rivals = {name: tracks_model(str(path), device) for name, path in others(against, MODELS).items()}
    simple = list(RecordShards(fitted)) if fitted else []
    found = study.splicing(rows, simple, rivals) | study.recovery(rows, simple) | study.signals(rows, simple)
    if not found:
        raise FoundationError(f"{data}: nothing that the model was trained to predict is in its rows. Give other rows.")
    from foundation.evaluation.genes.report import write_study  # matplotlib

    settings = {"model": model, "data": str(data), "fitted": str(fitted), "rows": len(rows), "hidden": hidden}
    settings |= {"stretch": study.stretches.length, "margin": study.stretches.margin, "seed": seed}
    for title, ways in found.items():
        print(f"{title}: {_said(ways)}", file=sys.stderr)
    write_study(found, settings, out)


@dataclass(frozen=True)
class Study:
    """All questions to one model.

    Args:
        trained: pairs of given and asked modalities.
        beside: tracks that are shown beside; empty = all that were trained.
    """

    model: TrackModel
    trained: Pathways
    beside: tuple[str, ...]
    stretches: Stretches
    hidden: float
    seed: int

    def splicing(
        self, rows: Sequence[Sample], simple: Sequence[Sample], rivals: Mapping[str, TrackModel]
    ) -> dict[str, list[Compared]]:
        """Acceptors and donors; empty if the model does not predict junctions.

        Args:
            simple: rows that simple models learn from.
            rivals: name -> other models, shown the letters alone.
        """
        ways = self._conditions(MARKS)
        kept = self._having(rows, MARKS, ways)
        if not kept:
            return {}
        tokens = self.model.tokenise(kept)
        shown = {w.name: tables(self.model, tokens, w, self.stretches) for w in ways}
        blind = Condition((LETTERS,))
        for name, rival in rivals.items():
            own = rival.tokenise(kept, [LETTERS, MARKS])
            shown[name] = tables(rival, own, blind, self.stretches)
        having = [s for s in simple if MARKS in s and LETTERS in s]
        found = splicing(kept, shown, having, ways[0].name)
        every = {f"{what} of {len(kept)} transcripts": compared for what, compared in found.items()}
        return every | of_isoforms(kept, shown, ways[0].name)

    def recovery(self, rows: Sequence[Sample], simple: Sequence[Sample]) -> dict[str, list[Compared]]:
        """Hidden letters and residues; of letters also the coding ones apart."""
        found = {}
        for target in SEQUENCES:
            ways = self._conditions(target) if (target, target) in self.trained else []
            if not (kept := self._having(rows, target, ways)):
                continue
            genes, tokens = [gene_of(s) for s in kept], self.model.tokenise(kept)
            answers = answers_of(self.model, tokens, target, ways, self.stretches, self.hidden, self.seed)
            title = f"{target}, {self.hidden:.0%} hidden, of {len(kept)} rows"
            if target == LETTERS:
                answers = with_surroundings(answers, kept, simple, self.hidden, self.seed)
                if coding := coding_places(answers, kept):
                    found[f"coding letters: {title}"] = recovery(answers, genes, coding)
            found[title] = recovery(answers, genes)
        return found

    def signals(self, rows: Sequence[Sample], simple: Sequence[Sample]) -> dict[str, list[Compared]]:
        """Numbers along the letters."""
        found = {}
        for name, tokenizer in cast(TokenizerBundle, self.model.tokenizers).tokenizers.items():
            ways = self._conditions(name) if (LETTERS, name) in self.trained else []
            if isinstance(tokenizer, DigitiserTokenizer) and (kept := self._having(rows, name, ways)):
                found[f"{name} of {len(kept)} rows"] = measured(
                    self.model, tokenizer, kept, self.model.tokenise(kept), ways, self.stretches, simple
                )
        return found

    def _conditions(self, target: str) -> list[Condition]:
        return conditions(self.trained, target, self.beside)

    @staticmethod
    def _having(rows: Sequence[Sample], target: str, ways: Sequence[Condition]) -> list[Sample]:
        """Rows with the target and all that any condition shows: all conditions are measured on the same."""
        wanted = {target, *(name for way in ways for name in way.given)}
        return [s for s in rows if wanted <= set(s)] if ways else []


def _said(ways: Sequence[Compared]) -> str:
    """The first statistic of each."""
    return "; ".join(f"{way.name} {next(iter(way.scores.values())).value:.3f}" for way in ways)
