"""Folds: RNA folded from letters alone, and with reactivities as soft constraints, against known pairs of bases."""

import importlib
import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float64

from foundation.data.biology.genes.layout import LETTERS
from foundation.data.biology.sequence import Sequence as Letters
from foundation.data.records import Sample
from foundation.errors import FoundationError

FOLDING = "RNA"  # the module of ViennaRNA
SLOPE, INTERCEPT = 1.8, -0.6  # kcal/mol of reactivities (Deigan et al. 2009, doi:10.1073/pnas.0806929106)
AROUND = 20  # letters on either side of known pairs that are folded with them
APART = 40  # letters without a known pair that part two stretches

Pairs = set[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Probed:
    """A transcript and the signal that is predicted along it.

    Args:
        values: float64 [n], the mean under predicted probabilities of the bins, in the unit of the signal.
        measured: float64 [n], NaN where not known; None without a measurement.
    """

    row: Sample
    values: Float64[np.ndarray, "n"]
    measured: Float64[np.ndarray, "n"] | None


@dataclass(frozen=True)
class Fold:
    """How well one way folds a transcript.

    Args:
        transcript: name.
        way: what the folding knew.
        right: known pairs that it found.
        known: all known pairs.
        found: all pairs that it found, in the stretches around known ones.
    """

    transcript: str
    way: str
    right: int
    known: int
    found: int


def known_structures(path: Path) -> dict[str, Mapping[str, Any]]:
    """By gene what a file of JSON lines tells of its structure.

    Raises:
        FoundationError: a line is no such JSON.
    """
    found = {}
    with path.open() as file:
        for number, line in enumerate(file, 1):
            try:
                told = json.loads(line)
                found[told["gene"]] = {name: told[name] for name in ("chromosome", "start", "strand", "structure")}
            except (ValueError, KeyError, TypeError) as error:
                raise FoundationError(
                    f"{path}, line {number}: no gene with chromosome, start, strand and structure ({error})."
                ) from error
    return found


def folded(found: Sequence[Probed], known: Mapping[str, Mapping[str, Any]], longest: int) -> list[Fold]:
    """All ways for every transcript with known pairs; empty if ViennaRNA is not installed."""
    if importlib.util.find_spec(FOLDING) is None:
        return []
    return [fold for one in found for fold in _folds(one, known, longest)]


def pairs_of(structure: str) -> Pairs:
    """Places that pair, from brackets.

    Raises:
        FoundationError: brackets that do not match.
    """
    waiting: list[int] = []
    pairs = set()
    for place, sign in enumerate(structure):
        if sign == "(":
            waiting.append(place)
        elif sign == ")":
            if not waiting:
                raise FoundationError(f"a structure closes a pair at {place + 1} that it does not open.")
            pairs.add((waiting.pop(), place))
    if waiting:
        raise FoundationError(f"a structure opens {len(waiting)} pairs that it does not close.")
    return pairs


def _folds(one: Probed, known: Mapping[str, Mapping[str, Any]], longest: int) -> Iterator[Fold]:
    told = known.get(str(one.row.labels.get("gene", "")))
    pairs = _placed(one.row, told) if told else set()
    stretches = [s for s in _stretches(pairs, len(one.values)) if s[1] - s[0] <= longest]
    letters = cast(Letters, one.row[LETTERS]).letters
    ways: dict[str, Float64[np.ndarray, "n"] | None] = {"letters alone": None, "predicted signal": one.values}
    if one.measured is not None:
        ways["measured signal"] = one.measured
    for way, values in ways.items() if stretches else ():
        made = {p for a, b in stretches for p in _fold(letters, a, b, values)}
        inside = {(i, j) for i, j in pairs if any(a <= i and j < b for a, b in stretches)}
        yield Fold(one.row.key, way, len(made & inside), len(inside), len(made))


def _placed(row: Sample, told: Mapping[str, Any]) -> Pairs:
    """Known pairs of a gene, counted from the first letter of a row of it."""
    start, end = (int(cast(int, row.origin[name])) for name in ("start", "end"))
    length = len(told["structure"])
    shift = told["start"] - start if told["strand"] > 0 else end - told["start"] - length
    n = end - start
    return {(i + shift, j + shift) for i, j in pairs_of(told["structure"]) if i + shift >= 0 and j + shift < n}


def _stretches(pairs: Pairs, n: int) -> list[tuple[int, int]]:
    """Stretches with known pairs, apart from each other."""
    places = sorted(place for pair in pairs for place in pair)
    cuts = [0, *(i for i in range(1, len(places)) if places[i] - places[i - 1] > APART), len(places)]
    parts = [places[a:b] for a, b in pairwise(cuts) if b > a]
    return [(max(part[0] - AROUND, 0), min(part[-1] + AROUND + 1, n)) for part in parts]


def _fold(letters: str, start: int, end: int, values: Float64[np.ndarray, "n"] | None) -> Pairs:
    """Pairs of the stretch of least free energy, at 37 °C."""
    vienna: Any = importlib.import_module(FOLDING)
    compound = vienna.fold_compound(letters[start:end])
    if values is not None:
        known = np.nan_to_num(values[start:end], nan=-1.0)  # negative values say nothing
        compound.sc_add_SHAPE_deigan([-1.0, *known.tolist()], SLOPE, INTERCEPT)
    return {(i + start, j + start) for i, j in pairs_of(compound.mfe()[0])}
