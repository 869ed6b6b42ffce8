"""Ceiling: how often the best possible sampler that draws two letters at a time, blindly of each other, hits a motif.

The sampler knows the distribution of the task exactly: beside the anchor it keeps the probability of every phase and
spacer given all letters of earlier steps, and draws the next letter of each side from its own mixture. Two letters of a
step may then commit to different phases, after which no motif fits (arXiv:2502.21274 leaves this unsaid).
Measured by drawing; the flanks are taken as endless, and copies that arise by chance outside the core do not count.
"""

import numpy as np
from jaxtyping import Float

from foundation.evaluation.anchored.task import COLUMNS, LETTERS, MOST_SPACER, MOTIFS, Task, letters_from

REACH = COLUMNS + MOST_SPACER  # letters beside the anchor that a motif can cover
UNIFORM = 1 / len(LETTERS)


def pair_ceiling(
    task: Task, phase: int | None, draws: int, rng: np.random.Generator
) -> Float[np.ndarray, "conditions"]:
    """The best hit rate of each condition, a mean over `draws` sequences (standard error at most 0.5 / sqrt(draws))."""
    return np.array([_hit_rate(_cores(task, c, phase), draws, rng) for c in range(len(MOTIFS))])


def _cores(task: Task, condition: int, phase: int | None) -> Float[np.ndarray, "cores places letters"]:
    """Letter probabilities REACH places to either side of the anchor, for each phase and spacer."""
    cores = []
    for place in task.places(np.arange(task.spacers)):
        for after in range(COLUMNS) if phase is None else (phase,):
            core = np.full((2 * REACH, len(LETTERS)), UNIFORM)
            core[REACH + place - place[after] - 1] = task.columns[condition]
            cores.append(core)
    return np.stack(cores)


def _hit_rate(cores: Float[np.ndarray, "cores places letters"], draws: int, rng: np.random.Generator) -> float:
    weight = np.full((draws, len(cores)), 1 / len(cores))
    weight = _read(weight, cores[:, REACH], _drawn(weight, cores[:, REACH], rng))  # the first letter on the right
    for step in range(REACH):
        left = cores[:, REACH - 1 - step]
        right = cores[:, REACH + 1 + step] if step + 1 < REACH else np.full_like(left, UNIFORM)
        one, other = _drawn(weight, left, rng), _drawn(weight, right, rng)  # blindly of each other
        weight = _read(_read(weight, left, one), right, other)
    return float((weight.sum(1) > 0).mean())


def _drawn(
    weight: Float[np.ndarray, "draws cores"], place: Float[np.ndarray, "cores letters"], rng: np.random.Generator
) -> np.ndarray:
    """A letter of each sequence; any once no motif fits any more."""
    total = weight.sum(1, keepdims=True)
    mixture = np.divide(weight @ place, total, out=np.full((len(weight), len(LETTERS)), UNIFORM), where=total > 0)
    return letters_from(mixture, rng.random(len(weight)))


def _read(weight: np.ndarray, place: np.ndarray, letter: np.ndarray) -> Float[np.ndarray, "draws cores"]:
    """Weights after a letter; scaled so that a letter of the background changes nothing."""
    return weight * (place[:, letter].T / UNIFORM)
