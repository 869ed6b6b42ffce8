"""Measured: what would be seen along a simulated gene: conservation, and probing of what is not paired."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float32, Float64

from foundation.data.biology.genetic_code import translate
from foundation.data.simulate.genes import motifs
from foundation.data.simulate.genes.gene import Gene

FIXED, SILENT = 2.7, 0.4  # mean conservation of coding letters whose changes all change the residue, and none does
JUNCTION, NEAR_JUNCTION, BRANCH, WORD, UNTRANSLATED = 4.0, 1.5, 0.8, 0.8, 0.3
NOISE = 1.0  # standard deviation about these means
GAP, GAP_LENGTH = 0.002, 30  # how often a gap of the alignment begins, and its mean length
OPEN, PAIRED = (2.0, 0.5), (0.6, 0.15)  # shape and scale of gamma distributions of reactivity
REACTS = np.array([1.2, 0.8, 1.0, 0.9])  # A, C, G, T, relative
UNSEEN = 0.1  # share of the places without reactivity
DECIMALS = 2  # as files write them


def conservation(gene: Gene, rng: np.random.Generator) -> Float32[np.ndarray, "n"]:
    """Like phyloP: a mean that the function of each place sets, and noise; NaN in gaps."""
    n = len(gene.letters)
    mean = np.zeros(n)
    for start, end in gene.exons:
        mean[start:end] = UNTRANSLATED
        for word in motifs.ENHANCERS:
            for place in _places(gene.letters, word, start, end):
                mean[place : place + len(word)] = WORD
    coding = np.array(gene.coding, np.int64)
    mean[coding] = np.maximum(mean[coding], FIXED + (SILENT - FIXED) * silent([gene.letters[i] for i in gene.coding]))
    for (_, donor), (acceptor, _) in zip(gene.exons[:-1], gene.exons[1:], strict=True):
        mean[donor + 2 : donor + 6] = NEAR_JUNCTION
        mean[acceptor - motifs.BRANCH_FROM : acceptor - 2] += BRANCH
        mean[donor : donor + 2] = mean[acceptor - 2 : acceptor] = JUNCTION
    values = np.round(rng.normal(mean, NOISE), DECIMALS)
    for start in np.flatnonzero(rng.random(n) < GAP):
        values[start : start + int(rng.geometric(1 / GAP_LENGTH))] = np.nan
    return values.astype(np.float32)


def silent(coding: Sequence[str]) -> Float64[np.ndarray, "n"]:
    """Share of the three changes of each letter of a coding sequence that keep the residue."""
    codons = "".join(coding).replace("T", "U")
    return np.array([share for i in range(0, len(codons), 3) for share in _silent(codons[i : i + 3])])


@cache
def _silent(codon: str) -> tuple[float, ...]:
    residue, changed = translate(codon, 1), []
    for i in range(3):
        others = [codon[:i] + letter + codon[i + 1 :] for letter in "ACGU" if letter != codon[i]]
        changed.append(sum(translate(other, 1) == residue for other in others) / 3)
    return tuple(changed)


def reactivity(gene: Gene, rng: np.random.Generator) -> Float32[np.ndarray, "n"]:
    """Like chemical probing: high where a base is not paired, by its kind; NaN where nothing was seen."""
    paired = np.zeros(len(gene.letters), bool)
    paired[[place for pair in gene.pairs for place in pair]] = True
    values = np.where(paired, rng.gamma(*PAIRED, len(paired)), rng.gamma(*OPEN, len(paired)))
    values = np.round(values * REACTS[motifs.codes_of(gene.letters)], DECIMALS)
    values[rng.random(len(values)) < UNSEEN] = np.nan
    return values.astype(np.float32)


def dot_bracket(gene: Gene) -> str:
    """The pairs, one letter a base."""
    text = ["."] * len(gene.letters)
    for i, j in gene.pairs:
        text[i], text[j] = "(", ")"
    return "".join(text)


def _places(letters: str, word: str, start: int, end: int) -> list[int]:
    return [i for i in range(start, end - len(word) + 1) if letters.startswith(word, i)]
