"""Edited: the designs for one mutated transcript, ranked by what the model predicts of their splicing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from foundation.data.simulate.genes.spliceosome import splice
from foundation.sampling.genes.repair import Outlook, Repair, Task, Way, one_more_edit


@dataclass(frozen=True, eq=False)
class Design:
    """One filling of a window.

    Args:
        way, seed: how it was drawn.
        letters: of the window.
        edits: letters that differ from what was there.
        outlook: what the model predicts of it.
        restored: whether the simulator splices it as wanted; None where that is not known.
    """

    way: Way
    seed: int
    letters: str
    edits: int
    outlook: Outlook
    restored: bool | None


@dataclass(frozen=True, eq=False)
class Case:
    """A mutated transcript with its designs, way by way, each from the best on.

    Args:
        wild, broken: what the model predicts before and after the mutation.
        by_one: share of all changes of one letter of the window with which the simulator splices it as wanted; None
            where that is not known.
    """

    task: Task
    wild: Outlook
    broken: Outlook
    designs: dict[Way, list[Design]]
    by_one: float | None = None


def case_of(repair: Repair, task: Task, ways: Sequence[Way], n: int, seed: int, simulated: bool) -> Case:
    """n designs of each way; `simulated`: the simulator says what each does."""
    wild, broken = repair.outlooks(task, [task.wild, task.tokens])
    designs: dict[Way, list[Design]] = {way: list(_designs(repair, task, way, n, seed, simulated)) for way in ways}
    return Case(task, wild, broken, designs, _by_one(task) if simulated else None)


def _designs(repair: Repair, task: Task, way: Way, n: int, seed: int, simulated: bool) -> Iterator[Design]:
    """From the best on; equal ones once."""
    seeds: dict[str, int] = {}
    for number, letters in enumerate(repair.drawn(task, way, n, seed)):
        seeds.setdefault(letters, seed + number)
    outlooks = repair.outlooks(task, [task.edited(letters) for letters in seeds])
    ranked = sorted(zip(seeds.items(), outlooks, strict=True), key=lambda pair: -pair[1].likeness)
    for (letters, own), outlook in ranked:
        edits = sum(a != b for a, b in zip(letters, task.before, strict=True))
        yield Design(way, own, letters, edits, outlook, restored(task, letters) if simulated else None)


def _by_one(task: Task) -> float:
    """How hard the task is: what trying all single letters would find."""
    return float(np.mean([restored(task, letters) for letters in one_more_edit(task.before, task.before)]))


def restored(task: Task, letters: str) -> bool:
    """Whether the simulated spliceosome makes of the edited transcript the exons that it had."""
    exons = task.mutated.exons
    start, end = exons[0][0], exons[-1][1]
    return list(splice(task.whole(letters)[start:end].replace("U", "T"))) == [(a - start, b - start) for a, b in exons]
