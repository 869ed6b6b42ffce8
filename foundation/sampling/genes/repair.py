"""Repair: letters of a window drawn so that a mutated transcript is spliced as it was, though the mutation stays."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from torch import Generator, Tensor

from foundation.data.biology.genes.layout import ACCEPTOR, DONOR, LETTERS, MARKS
from foundation.errors import FoundationError
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.choose import Choice
from foundation.sampling.genes.conditions import Condition, junction_table
from foundation.sampling.genes.mutated import Mutated
from foundation.sampling.genes.translation import codons_of, silent
from foundation.sampling.marginals import Question, marginals, voted
from foundation.sampling.pathways import Pathways
from foundation.sampling.sampler import Sampler
from foundation.tokens import Tokens

Way = Literal["one-shot", "random", "confidence", "vote", "search", "letters alone", "chance"]
BLIND = "letters alone"  # the way that is not told which junctions are wanted
ALPHABET = "ACGU"  # codes 0 to 3 of the letters
LEAST = 1e-12  # probability that logarithms are taken of


@dataclass(frozen=True, eq=False)
class Task:
    """One mutated transcript around its mutation.

    Args:
        mutated: what it is.
        wild: letters as they were, and wanted junctions, of a stretch.
        tokens: the same with the mutation.
        window: int64, which of the tokens are letters that may be edited.
    """

    mutated: Mutated
    wild: Tokens
    tokens: Tokens
    window: Int[Tensor, "w"]

    @property
    def before(self) -> str:
        """The letters of the window as they are."""
        return spelled(self.tokens.ids[self.window])

    def whole(self, letters: str) -> str:
        """All letters of the transcript with others in the window."""
        found = np.array(list(self.mutated.letters))
        found[self._places] = list(letters)
        return "".join(found)

    def silent(self, letters: str) -> str:
        """Letters of the window, but for codons that they would give another residue: these stay as they are."""
        whole = silent(self.mutated.letters, self.whole(letters), codons_of(self.mutated.row))
        return "".join(whole[i] for i in self._places)

    @property
    def _places(self) -> Int64[np.ndarray, "w"]:
        return self.tokens.position[self.window, 0].long().numpy()

    def edited(self, letters: str) -> Tokens:
        """The tokens with other letters in the window."""
        ids = self.tokens.ids.clone()
        ids[self.window] = torch.tensor([ALPHABET.index(letter) for letter in letters])
        return replace(self.tokens, ids=ids)


@dataclass(frozen=True)
class Outlook:
    """What the model predicts of the splicing of some letters.

    Args:
        likelihood: log-likelihood of the wanted junctions, in nats, over the stretch.
        likeness: how like what it predicts of the letters before the mutation: less the divergence from that, in nats,
            over the stretch; 0 at most. What the model has wrong of both does not count.
        wrong: the largest probability of an acceptor or donor where none is wanted.
        kept: the least probability of one that is wanted; 1 if none is.
    """

    likelihood: float
    likeness: float
    wrong: float
    kept: float


@dataclass(frozen=True)
class Repair:
    """How windows are filled.

    Args:
        model: trained to predict letters from letters and junctions, and junctions from letters.
        trained: pairs of what was given and what was asked.
        stretch: letters that the model sees at once; 0 = all.
        window: first and last letter that may be edited, counted from the mutated one, which stays.
        choice: temperature, top_k and top_p.
        steps: passes of ways that fill a window in several.
        most: letters that a design may change; 0 = all of the window. Of those that a filling would change, the ones
            are kept, one after the other, with which the prediction is likest that before the mutation.
        keep: "translation": a codon that a filling would give another residue stays as it is; None = any may change.

    Raises:
        FoundationError: a window without letters, one that the stretch cannot hold, or a negative number of edits.
    """

    model: TrackModel
    trained: Pathways
    stretch: int
    window: tuple[int, int] = (-60, -1)
    choice: Choice = Choice()  # noqa: RUF009  frozen
    steps: int = 8
    most: int = 0
    keep: Literal["translation"] | None = None

    def __post_init__(self) -> None:
        if self.most < 0:
            raise FoundationError(f"most {self.most} edits. Give 0 for any number, or 1 or more.")
        first, last = self.window
        widest = max(abs(first), abs(last))
        if first > last or first == last == 0 or (self.stretch and widest > self.stretch // 2):
            raise FoundationError(
                f"window {first} to {last} around the mutation, of {self.stretch or 'all'} letters seen. "
                "Give the first place before the last, both within half of what is seen."
            )

    def task(self, mutated: Mutated, tokens: Tokens) -> Task:
        """The stretch around a mutation; `tokens` are letters and junctions of the whole row."""
        letters = tokens.of(LETTERS)
        ids = tokens.ids.clone()
        ids[letters[mutated.place]] = ALPHABET.index(mutated.new)
        n = len(letters)
        length = min(self.stretch or n, n)
        start = min(max(mutated.place - length // 2, 0), n - length)
        place = tokens.position[:, 0]
        inside = (place >= start) & (place < start + length)
        own = replace(tokens, ids=ids).select(inside)
        beside = own.position[:, 0] - mutated.place
        editable = (beside >= self.window[0]) & (beside <= self.window[1]) & (beside != 0)
        at = own.of(LETTERS)
        return Task(mutated, tokens.select(inside), own, at[editable[at]])

    def drawn(self, task: Task, way: Way, n: int, seed: int) -> list[str]:
        """n fillings of the window, number i with the seed `seed` + i; the way "search" needs `most`.

        Raises:
            FoundationError: a search without a bound.
        """
        if way == "search" and not self.most:
            raise FoundationError("search changes letters one after the other, without a bound. Give --most 1 or more.")
        seeds = list(range(seed, seed + n))
        if way == "chance":
            return [self._kept(task, letters) for letters in _by_chance(task, seeds, self.most)]
        if way == "search":
            return self._searched(task, n)
        if way == "vote":
            found = self._voted(task, seeds)
        else:
            order = "confidence" if way == "confidence" else "random"
            found = self._sampled(task, seeds, order, 1 if way == "one-shot" else self.steps, way != BLIND)
        return [self._limited(task, self._kept(task, letters)) for letters in found]

    def question(self, task: Task, wanted: bool = True) -> Question:
        """Ask for the window, given the letters around it and, or not, the wanted junctions."""
        asked = torch.zeros(len(task.tokens), dtype=torch.bool)
        asked[task.window] = True
        shown = ~asked
        if not wanted:
            shown[task.tokens.of(MARKS)] = False
        return Question(task.tokens.select(shown), task.tokens.select(asked))

    def outlooks(self, task: Task, stretches: Sequence[Tokens]) -> list[Outlook]:
        """What the model predicts of each version of a stretch, from its letters alone."""
        blind = Condition((LETTERS,))
        answers = marginals(self.model, [blind.junctions(tokens) for tokens in (task.wild, *stretches)])
        wild, *tables = (junction_table(blind, task.tokens, answer) for answer in answers)
        return [_outlook(table, wild, task) for table in tables]

    def _sampled(
        self, task: Task, seeds: Sequence[int], order: Literal["random", "confidence"], steps: int, wanted: bool
    ) -> list[str]:
        question = self.question(task, wanted)
        sampler = Sampler(self.model, self.trained, self.choice)
        allowed = {LETTERS: _letters_only(self.model)}
        drawn = sampler.complete(
            [question.given] * len(seeds), [question.asked] * len(seeds), steps=steps, seed=seeds, order=order,
            allowed=allowed,
        )  # fmt: skip
        return [spelled(tokens.ids) for tokens in drawn]

    def _limited(self, task: Task, letters: str) -> str:
        """With as many edits as there may be."""
        before, kept = task.before, set[int]()
        edits = [i for i, (old, new) in enumerate(zip(before, letters, strict=True)) if old != new]
        if not self.most or len(edits) <= self.most:
            return letters
        for _ in range(self.most):
            options = [{*kept, i} for i in edits if i not in kept]
            options = [o for o in options if self._may(task, _only(letters, before, o))]
            if not options:
                break
            outlooks = self.outlooks(task, [task.edited(_only(letters, before, o)) for o in options])
            kept = options[max(range(len(options)), key=lambda i: outlooks[i].likeness)]
        return _only(letters, before, kept)

    def _searched(self, task: Task, n: int) -> list[str]:
        """The n best fillings that are met as the best other letter is taken at any place, `most` times in a row.

        No letter is drawn: every other letter of the window is tried, so all seeds find the same.
        """
        met: dict[str, float] = {}
        letters = task.before
        for _ in range(min(self.most, len(letters))):
            options = [option for option in one_more_edit(letters, task.before) if self._may(task, option)]
            if not options:
                break
            outlooks = self.outlooks(task, [task.edited(option) for option in options])
            new = {option: outlook.likeness for option, outlook in zip(options, outlooks, strict=True)}
            letters = max(new, key=new.__getitem__)
            met |= new
        return sorted(met, key=met.__getitem__, reverse=True)[:n]

    def _kept(self, task: Task, letters: str) -> str:
        """With what has to stay."""
        return task.silent(letters) if self.keep else letters

    def _may(self, task: Task, letters: str) -> bool:
        return self._kept(task, letters) == letters

    def _voted(self, task: Task, seeds: Sequence[int]) -> list[str]:
        """Drawn from mean probabilities; each seed deals its own parts."""
        allowed = _letters_only(self.model)
        found = []
        for seed, p in zip(seeds, voted(self.model, [self.question(task)] * len(seeds), seeds), strict=True):
            chance = torch.rand(len(p), dtype=torch.float64, generator=Generator().manual_seed(seed))
            found.append(spelled(self.choice.codes(p.log(), chance, allowed[None])))
        return found


def spelled(ids: Int[Tensor, "n"]) -> str:
    """Letters of codes; N for what is none."""
    return "".join(ALPHABET[i] if i < len(ALPHABET) else "N" for i in ids.tolist())


def _only(letters: str, before: str, edits: Set[int]) -> str:
    """These edits of all."""
    return "".join(letters[i] if i in edits else x for i, x in enumerate(before))


def one_more_edit(letters: str, before: str) -> list[str]:
    """All fillings with another letter at one more place that still has the one before."""
    places = [i for i, (now, old) in enumerate(zip(letters, before, strict=True)) if now == old]
    return [letters[:i] + new + letters[i + 1 :] for i in places for new in ALPHABET if new != before[i]]


def _by_chance(task: Task, seeds: Sequence[int], most: int) -> list[str]:
    """Letters drawn evenly, whatever is around them; or, at so many places, other letters than those there."""
    found, before = [], task.tokens.ids[task.window]
    for generator in (Generator().manual_seed(seed) for seed in seeds):
        ids = torch.randint(len(ALPHABET), before.shape, generator=generator)
        if most:
            at = torch.randperm(len(before), generator=generator)[:most]
            other = (before[at] + torch.randint(1, len(ALPHABET), at.shape, generator=generator)) % len(ALPHABET)
            ids = before.index_copy(0, at, other)
        found.append(spelled(ids))
    return found


def _outlook(table: Float[Tensor, "n size"], wild: Float[Tensor, "n size"], task: Task) -> Outlook:
    wanted = task.tokens.ids[task.tokens.of(MARKS)]
    table, wild = table.clamp(min=LEAST), wild.clamp(min=LEAST)
    likelihood = table.gather(1, wanted[:, None]).log().sum()
    likeness = (wild * (table / wild).log()).sum()
    sites = table[:, [ACCEPTOR, DONOR]]
    is_wanted = wanted[:, None] == torch.tensor([ACCEPTOR, DONOR])
    wrong = sites.masked_fill(is_wanted, 0).max()
    kept = sites[is_wanted].min() if is_wanted.any() else torch.ones(())
    return Outlook(float(likelihood), float(likeness), float(wrong), float(kept))


def _letters_only(model: TrackModel) -> Tensor:
    size = next(s.size for s in model.spaces if s.name == LETTERS)
    return torch.arange(size) < len(ALPHABET)
