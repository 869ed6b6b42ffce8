"""Experiment: trains a small model in each order of generation on the same budget and measures what each generates."""

import time
from dataclasses import dataclass

import numpy as np
import torch

from foundation.config import OptimConfig
from foundation.evaluation.anchored.generate import generate
from foundation.evaluation.anchored.metrics import Metrics, measure
from foundation.evaluation.anchored.model import MotifModel
from foundation.evaluation.anchored.rows import Order, training_batch
from foundation.evaluation.anchored.task import FIXED_PHASE, MOTIFS, Sequences, Task
from foundation.progress import track
from foundation.training.optim import optimizer

OPTIM = OptimConfig(peak_rate=2e-3, warmup_fraction=0.03, weight_decay=0.01)
SEQUENCES = 64  # a step


@dataclass(frozen=True)
class Contestant:
    """A way to generate: the order of letters, and the motif's column after which the anchor stands (None = any)."""

    name: str
    order: Order
    phase: int | None = None


CONTESTANTS = {
    c.name: c
    for c in (
        Contestant("pairs, random phase", "pairs"),
        Contestant("pairs, fixed phase", "pairs", FIXED_PHASE),
        Contestant("interleaved, random phase", "interleaved"),
        Contestant("left to right", "left_to_right"),
        Contestant("any order, length given", "any_order"),
    )
}


@dataclass(frozen=True)
class Budget:
    """What each contestant may use.

    Args:
        steps: of the optimiser, each of 64 sequences.
        each: training sequences of a condition; 0 = fresh ones in every step.
        samples: generated and measured.
        seed: of weights, data and samples.
    """

    steps: int = 1500
    each: int = 0
    samples: int = 160
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a contestant achieved.

    Args:
        early: hit rate after a quarter and half of the steps.
        loss: mean of the last hundred steps, in nats a symbol.
        passes: of the model for all samples.
        seconds: of processor time, of training and of generation.
    """

    metrics: Metrics
    early: tuple[float, float]
    loss: float
    passes: int
    seconds: tuple[float, float]


def compete(task: Task, contestant: Contestant, budget: Budget) -> Outcome:
    """Train and measure one contestant, on one thread."""
    torch.set_num_threads(1)
    torch.manual_seed(budget.seed)
    rng = np.random.default_rng(budget.seed)
    model = MotifModel()
    known = task.draw(_conditions(budget.each * len(MOTIFS)), contestant.phase, rng) if budget.each else None
    adam, schedule = optimizer(model, budget.steps, OPTIM)
    early, losses, begin = {budget.steps // 4: 0.0, budget.steps // 2: 0.0}, [], time.process_time()
    for step in track(range(budget.steps), contestant.name):
        loss = model.loss(training_batch(_sequences(task, contestant, known, rng), contestant.order, rng))
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
        losses.append(loss.item())
        if step + 1 in early:
            early[step + 1] = measure(task, _drawn(model, contestant, budget)[0], known).hit
    middle = time.process_time()
    drawn, passes = _drawn(model, contestant, budget)
    seconds = middle - begin, time.process_time() - middle
    hits = early[budget.steps // 4], early[budget.steps // 2]
    return Outcome(measure(task, drawn, known), hits, float(np.mean(losses[-100:])), passes, seconds)


def perfect(task: Task, budget: Budget) -> Metrics:
    """The metrics of sequences of the task itself: what a perfect sampler would reach with as many samples."""
    return measure(task, task.draw(_conditions(budget.samples), None, np.random.default_rng(budget.seed)))


def _sequences(task: Task, contestant: Contestant, known: Sequences | None, rng: np.random.Generator) -> Sequences:
    """The sequences of a step: fresh ones, or some of the known."""
    if known is not None:
        return known.select(rng.integers(0, len(known), SEQUENCES))
    return task.draw(rng.integers(0, len(MOTIFS), SEQUENCES), contestant.phase, rng)


def _drawn(model: MotifModel, contestant: Contestant, budget: Budget) -> tuple[Sequences, int]:
    rng = np.random.default_rng(budget.seed + 1)
    return generate(model, contestant.order, _conditions(budget.samples), rng)


def _conditions(samples: int) -> np.ndarray:
    return np.arange(samples) % len(MOTIFS)
