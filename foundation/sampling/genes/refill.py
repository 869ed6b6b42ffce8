"""Refill: the letters of a chain drawn anew from its backbone and surface, and how likely a model finds letters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, cast

import numpy as np
import torch
from jaxtyping import Bool, Float64
from torch import Generator, Tensor

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.genes.layout import PROTEIN
from foundation.errors import FoundationError
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.choose import Choice
from foundation.sampling.genes.target import FREE, Target
from foundation.sampling.marginals import Question, marginals
from foundation.sampling.pathways import Pathways, check_trained
from foundation.sampling.sampler import Sampler
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.track_symbols import SymbolsTokenizer
from foundation.tokens import Tokens

Way = Literal["one-shot", "random", "confidence", "shuffled"]


@dataclass(frozen=True, eq=False)
class Refill:
    """How letters of a chain are drawn, and how they are judged.

    Args:
        model: trained to predict residues from what is shown.
        trained: pairs of what was given and what was asked.
        target: the chain.
        shown: modalities that follow from the structure.
        choice: temperature, top_k and top_p.
        steps: passes of ways that draw in several, and of the likelihood.
        omit: letters that are never drawn.

    Raises:
        FoundationError: the model has no such modality, or was not trained for it.
    """

    model: TrackModel
    trained: Pathways
    target: Target
    shown: tuple[str, ...]
    choice: Choice = Choice()  # noqa: RUF009  frozen
    steps: int = 8
    omit: str = ""

    def __post_init__(self) -> None:
        names = [s.name for s in self.model.spaces]
        if lacking := [m for m in (PROTEIN, *self.shown) if m not in names]:
            raise FoundationError(
                f"the model has no modality {', '.join(lacking)}; it has {', '.join(names)}. "
                "Train one with configs/proteins_small.yaml, or leave out of --given what it lacks."
            )
        if not self.shown:
            raise FoundationError("the model is shown nothing of the structure. Name modalities in --given.")
        check_trained(frozenset((name, PROTEIN) for name in self.shown), self.trained)

    @property
    def together(self) -> bool:
        """Whether the model learned to predict residues from other residues."""
        return (PROTEIN, PROTEIN) in self.trained

    def drawn(self, way: Way, n: int, seed: int) -> list[str]:
        """n sequences, number i with the seed `seed` + i.

        Raises:
            FoundationError: several steps, or letters that stay, and a model that did not learn residues from residues.
        """
        if way == "shuffled":
            return [_shuffled(self.target, s) for s in range(seed, seed + n)]
        question = self.question(self.target.kept)
        order = "confidence" if way == "confidence" else "random"
        sampler = Sampler(self.model, self.trained, self.choice)
        found = sampler.complete(
            [question.given] * n, [question.asked] * n, steps=1 if way == "one-shot" else self.steps, seed=seed,
            order=order, allowed={PROTEIN: self._allowed()},
        )  # fmt: skip
        return [self._filled(tokens) for tokens in found]

    def likelihoods(self, sequences: Sequence[str], seed: int = 0) -> Float64[np.ndarray, "n"]:
        """Mean log-likelihood in nats of the designed residues of each sequence.

        Residues come in so many steps, in a random order that is the same for all sequences; those of one step are
        independent of each other. With one step, or a model that did not learn residues from residues, all are.
        """
        places = np.flatnonzero(self.target.designed)
        dealt = torch.randperm(len(places), generator=Generator().manual_seed(seed)).numpy()
        parts = [p for p in np.array_split(places[dealt], self.steps if self.together else 1) if len(p)]
        questions = [q for letters in sequences for q in self._in_turn(letters, parts)]
        answers = iter(marginals(self.model, questions))
        symbols = self._letters.config.symbols
        total = []
        for letters in sequences:
            logs = []
            for part in parts:
                codes = torch.tensor([symbols.index(letters[i]) for i in sorted(part)])
                logs.append(next(answers).gather(1, codes[:, None]).clamp(min=1e-12).log().sum())
            total.append(float(sum(logs)) / len(places))
        return np.array(total)

    def question(self, letters: str, asked: Bool[np.ndarray, "L"] | None = None) -> Question:
        """Ask for places (all that are designed, if none are named), given the structure and letters that are no X.

        Letters without a backbone are not shown: nothing else is known of their places.
        """
        asked = self.target.designed if asked is None else asked
        tokens = self._tokens
        at = tokens.of(PROTEIN)
        symbols = self._letters.config.symbols
        known = np.array([letter != FREE for letter in letters]) & ~asked & self.target.there
        ids = tokens.ids.clone()
        ids[at] = torch.tensor([symbols.index(x) if x in symbols else 0 for x in letters])
        shown = torch.ones(len(tokens), dtype=torch.bool)
        shown[at] = torch.from_numpy(known)
        wanted = torch.zeros_like(shown)
        wanted[at] = torch.from_numpy(asked)
        filled = replace(tokens, ids=ids)
        return Question(filled.select(shown), filled.select(wanted))

    def _in_turn(self, letters: str, parts: Sequence[np.ndarray]) -> Iterator[Question]:
        """A question for each part, given the letters of the parts before it."""
        known = list(self.target.kept)
        for part in parts:
            asked = np.zeros(len(letters), bool)
            asked[part] = True
            yield self.question("".join(known), asked)
            for place in part:
                known[place] = letters[place]

    def _filled(self, tokens: Tokens) -> str:
        symbols = self._letters.config.symbols
        letters = list(self.target.kept)
        for place, code in zip(tokens.position[:, 0].long().tolist(), tokens.ids.tolist(), strict=True):
            letters[place] = symbols[code]
        return "".join(letters)

    def _allowed(self) -> Bool[Tensor, "size"]:
        allowed = torch.zeros(self._letters.space.size, dtype=torch.bool)
        symbols = self._letters.config.symbols
        allowed[[symbols.index(x) for x in AMINO_ACIDS if x not in self.omit]] = True
        return allowed

    @cached_property
    def _tokens(self) -> Tokens:
        return self.model.tokenise([self.target.records], [*self.shown, PROTEIN])[0]

    @property
    def _letters(self) -> SymbolsTokenizer:
        return cast(SymbolsTokenizer, cast(TokenizerBundle, self.model.tokenizers).tokenizers[PROTEIN])


def recovery(target: Target, letters: str, where: Bool[np.ndarray, "L"] | None = None) -> float:
    """Share of the designed residues, of those of them at these places, that have the letter of the file."""
    own, new = np.array(list(target.native)), np.array(list(letters))
    counted = target.designed & (own != FREE) & (True if where is None else where)
    return float((own == new)[counted].mean()) if counted.any() else float("nan")


def by_composition(target: Target) -> float:
    """The recovery that the letters of the file in random order have on average."""
    own = np.array(list(target.native))[target.designed]
    _, counts = np.unique(own[own != FREE], return_counts=True)
    return float(((counts / max(counts.sum(), 1)) ** 2).sum())


def _shuffled(target: Target, seed: int) -> str:
    """The designed letters of the file in random order; alanine for those it does not tell."""
    places = np.flatnonzero(target.designed)
    letters, native = list(target.kept), target.native.replace(FREE, "A")
    for place, source in zip(places, np.random.default_rng(seed).permutation(places), strict=True):
        letters[place] = native[source]
    return "".join(letters)
