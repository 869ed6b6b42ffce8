"""suite: run every task on the frozen encoder and, always, on its baselines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
from torch import Tensor

from foundation.data.records import Image, Sample, Spectrum
from foundation.errors import FoundationError
from foundation.evaluation.calibration import answers
from foundation.evaluation.completion import (
    OWN,
    Completed,
    codes_of,
    complete,
    correlations,
    marginal,
    scalar_values,
    scored,
)
from foundation.evaluation.features import Extractor, TokenStore, random_encoder
from foundation.evaluation.observations import Observations
from foundation.evaluation.outcome import Outcome, Source
from foundation.evaluation.probes import ProbeName
from foundation.evaluation.probing import Question, probe
from foundation.evaluation.problem import Features
from foundation.evaluation.raw import raw_matrix
from foundation.evaluation.retrieval import retrieve_alike, retrieve_same
from foundation.evaluation.segmentation import Cells, Grid, raw_cells, segment, token_cells
from foundation.evaluation.split import Parts, divide
from foundation.evaluation.tasks import Pooling, Task
from foundation.model.pretrained import FoundationModel
from foundation.model.samples import Tokenizers
from foundation.progress import track
from foundation.tokens import Tokens

MAIN = "main"  # name of the record set that tasks are about unless they name another


@dataclass(frozen=True)
class Settings:
    """What is common to all tasks.

    Args:
        probes: of the regression and classification tasks.
        seeds: draws of the validation part and of a probe's initial weights.
        layer: of the encoder, None = after the final norm.
        pool: how tokens become one vector for all probes but the attentive one, unless a task says otherwise.
    """

    probes: tuple[ProbeName, ...] = ("linear", "knn", "mlp", "attentive")
    seeds: int = 3
    layer: int | None = None
    pool: Pooling = "mean"

    def __post_init__(self) -> None:
        if self.seeds < 1 or not self.probes:
            raise FoundationError(
                f"settings: {self.seeds} seeds and {len(self.probes)} probes. Give at least one of each."
            )


@dataclass(frozen=True, eq=False)
class Answered:
    """A task with its outcomes.

    Args:
        observations: the record set the test objects are from.
        parts: of the first seed, as indices into `keys`.
        keys: of the objects that take part.
        classes: of a classification.
        completed: distributions of the test objects and of the marginal, in the completion of a scalar.
        few: with fewer training objects, by the probe that stands for each source.
    """

    task: Task
    outcomes: list[Outcome]
    observations: Observations
    parts: Parts
    keys: tuple[str, ...]
    classes: tuple[str, ...] = ()
    completed: tuple[Completed, Completed] | None = None
    few: tuple[Outcome, ...] = ()


class Suite:
    """Everything that tasks share: the encoder, its random twin, record sets, tokens and the feature cache."""

    def __init__(
        self,
        model: FoundationModel,
        sets: Mapping[str, Observations],
        tasks: Sequence[Task],
        cache: Path,
        settings: Settings,
    ) -> None:
        self.model, self.sets, self.tasks, self.settings = model, sets, tasks, settings
        self.tokens = TokenStore(model, list(dict.fromkeys(m for t in tasks for m in t.modalities)))
        sources: dict[Source, FoundationModel] = {"encoder": model, "random encoder": random_encoder(model, 0)}
        self.extractors: dict[Source, Extractor] = {
            s: Extractor(m, self.tokens, cache, settings.layer, settings.pool) for s, m in sources.items()
        }

    def run(self) -> Iterator[Answered]:
        """Answer the tasks one after another."""
        kinds = {
            "regression": self._probe,
            "classification": self._probe,
            "retrieval": self._retrieve,
            "completion": self._complete,
            "segmentation": self._segment,
        }
        for task in track(self.tasks, "evaluating", len(self.tasks)):
            yield kinds[task.kind](task)

    def features(
        self, observations: Observations, inputs: tuple[str, ...], index: np.ndarray, pool: Pooling | None = None
    ) -> Iterator[tuple[Source, Features]]:
        """Features of the same objects from the encoder and from each baseline."""
        for source, extractor in self.extractors.items():
            yield source, extractor(observations, inputs, index, pool)
        yield "raw input", Features(raw_matrix(observations.raw, observations.raw, inputs)[index])

    def _probe(self, task: Task) -> Answered:
        learned, tested = self.sets[MAIN], self.sets[task.test or MAIN]
        question = Question.of(task, learned, tested)
        seeds = range(self.settings.seeds)
        outcomes, few = [], []
        for source, features in self._both(question, learned, tested):
            usable = [p for p in self.settings.probes if p != "attentive" or features[0].tokens is not None]
            mine = [probe(question, source, name, *features, seeds) for name in usable]
            outcomes += mine
            best = max(mine, key=lambda o: o.merit)
            sizes = [n for n in sorted(task.few) if n < best.trained]
            few += [probe(replace(question, most=n), source, best.probe, *features, seeds) for n in sizes]
        keys, parts = tuple(learned.keys[i] for i in question.train_index), divide(question.objects, task.split, 0)
        return Answered(task, outcomes, tested, parts, keys, question.classes, few=tuple(few))

    def _both(
        self, question: Question, learned: Observations, tested: Observations
    ) -> Iterator[tuple[Source, tuple[Features, Features]]]:
        """Features of the objects learned from and of those tested on; one and the same unless the sets differ."""
        inputs, pool, index, other = question.task.inputs, question.task.pool, question.train_index, question.test_index
        if learned is tested:
            for source, features in self.features(learned, inputs, index, pool):
                yield source, (features, features)
            return
        for source, extractor in self.extractors.items():
            yield source, (extractor(learned, inputs, index, pool), extractor(tested, inputs, other, pool))
        here, there = (raw_matrix(o.raw, learned.raw, inputs) for o in (learned, tested))
        yield "raw input", (Features(here[index]), Features(there[other]))

    def _retrieve(self, task: Task) -> Answered:
        observations = self.sets[MAIN]
        index = observations.taking_part(task)
        parts = divide(observations.together(task.split, index), task.split, 0)
        outcomes = []
        entries = dict(self.features(observations, task.gallery, index, task.pool)) if task.gallery else {}
        for source, features in self.features(observations, task.inputs, index, task.pool):
            if task.gallery:
                outcomes.append(retrieve_same(task, source, features.pooled, entries[source].pooled, parts))
            else:
                outcomes.append(
                    retrieve_alike(task, source, features.pooled, observations.labels[task.target][index], parts)
                )
        placed = [o.at(index) for o in outcomes]
        return Answered(task, placed, observations, parts, tuple(observations.keys[i] for i in index))

    def _segment(self, task: Task) -> Answered:
        observations, (name,) = self.sets[MAIN], task.inputs
        index = observations.taking_part(task)
        parts = divide(observations.together(task.split, index), task.split, 0)
        samples = observations.at(index)
        masks, images = ([r for s in samples if isinstance(r := s[m], Image)] for m in (task.target, name))
        if not len(masks) == len(images) == len(samples):
            raise FoundationError(f"task {task.name!r}: {name} and {task.target} have to be images. Change the task.")
        features: dict[Source, Features] = {
            s: extractor(observations, task.inputs, index) for s, extractor in self.extractors.items()
        }
        space = next(s for s in self.model.spaces if s.name == name)
        grid = Grid.of(int(cast(Tensor, features["encoder"].count)[0]), space.axes[0].step, masks[0])
        cells: dict[Source, Cells] = {s: token_cells(f, grid) for s, f in features.items()}
        cells["raw input"] = raw_cells(images, grid)
        cut = np.stack([grid.crop(m.flux)[0] for m in masks])
        seeds = range(self.settings.seeds)
        outcomes = [segment(task, s, c, cut, parts, seeds).at(index) for s, c in cells.items()]
        return Answered(task, outcomes, observations, parts, tuple(observations.keys[i] for i in index))

    def _complete(self, task: Task) -> Answered:
        observations = self.sets[MAIN]
        everything, index = self.tokens.of(observations), observations.taking_part(task)
        made = [everything[i].names() for i in index]  # a tokenizer may refuse a record
        index = index[[task.target in names and not set(task.inputs).isdisjoint(names) for names in made]]
        parts = divide(observations.together(task.split, index), task.split, 0)
        tokens = [everything[i] for i in index]
        bundle = cast(Tokenizers, self.model.tokenizers)  # without them there were no tokens
        values = scalar_values(bundle.decode, tokens[0], task.target)
        size = next(s.size for s in self.model.spaces if s.name == task.target)
        prior, loss = marginal(codes_of(tokens, task.target), size, parts)
        prior = prior.standing_for(values)
        asked = np.arange(len(index)) if len(values) else parts.test  # numbers are recalibrated on the others
        done = complete(self.model, [tokens[i] for i in asked], task.inputs, task.target).standing_for(values)
        ways = list(answers(done, parts)) if len(values) else [(OWN, done, 0.0)]
        more = self._spectral(task, observations.at(index[parts.test]), [tokens[i] for i in parts.test], (done, prior))
        outcomes = [scored(task, "encoder", d, merit, parts, more[0], way).at(index) for way, d, merit in ways]
        outcomes.append(scored(task, "marginal", prior, -loss, parts, more[1]).at(index))
        _, chosen, _ = max(ways, key=lambda way: way[2])
        keys = tuple(observations.keys[i] for i in index)
        return Answered(task, outcomes, observations, parts, keys, completed=(chosen, prior) if len(values) else None)

    def _spectral(
        self, task: Task, samples: Sequence[Sample], tokens: Sequence[Tokens], done: Sequence[Completed]
    ) -> list[dict[str, np.ndarray]]:
        """Of completed spectra how they go with what was measured, if the task asks for it."""
        measured = [r for s in samples if isinstance(r := s[task.target], Spectrum)]
        if "correlation" not in task.scored or len(measured) < len(samples):
            return [{} for _ in done]
        decode = cast(Tokenizers, self.model.tokenizers).decode
        return [{"correlation": correlations(decode, tokens, d.best, task.target, measured)} for d in done]
