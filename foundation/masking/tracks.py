"""SplitTrack: pathways of aligned modalities: which are given and which asked, position by position (MIMIC)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor

from foundation.errors import FoundationError
from foundation.masking.context import Context
from foundation.masking.policy import NOTHING, MaskingPolicy
from foundation.tokens import Tokens


@dataclass(frozen=True)
class Pathway:
    """One question that is asked of a sample.

    Args:
        asked: spaces to predict, those of them that the sample has; one at least.
        given: spaces that have to be there and are shown, in part or whole.
        optional: spaces that are shown, in part or whole, with probability a half, where the sample has them.
        weight: relative frequency among the pathways that a sample allows.
        known: asked space -> codes that are shown wherever they stand, outside the stretch that takes part too, with
            probability a half, such as the ends of a transcript among its junctions.
    """

    asked: tuple[str, ...]
    given: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    weight: float = 1.0
    known: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.asked or self.weight <= 0:
            raise FoundationError(
                f"Pathway {self.given} -> {self.asked} with weight {self.weight}. "
                "Ask at least one space, with a weight above 0."
            )
        if strange := set(self.known) - set(self.asked):
            raise FoundationError(
                f"Pathway: codes of {', '.join(sorted(strange))} are known, asked is {', '.join(self.asked)}. "
                "Name codes of spaces that are asked."
            )

    def fits(self, names: Sequence[str]) -> bool:
        """Whether a sample with these spaces allows the question."""
        return set(self.given) <= set(names) and any(name in names for name in self.asked)


@dataclass(frozen=True)
class SplitTrack(MaskingPolicy):
    """A pathway is drawn, then in each of its spaces the share of places that is shown, and which (arXiv:2604.24506).

    A space that is only given is shown whole with probability `whole`, else in a uniformly drawn share. One that is
    both given and asked is split in such a share; one that is only asked is asked at every place. A small part of what
    is split, `contiguous`, is cut in runs instead of single places, since a run cannot be guessed from its neighbours.
    Text is asked whole. What is beyond the budgets takes no part, drawn at random; known codes are not counted.

    Args:
        pathways: the questions; the probabilities of MIMIC's own are not published.
        budget_given: most tokens shown.
        budget_asked: most tokens asked.
        whole: probability that a space that is only given is shown whole.
        contiguous: share of spaces whose places are cut in runs.
        run: mean length of a run, in tokens.
        text: spaces that are asked whole.
        context: the stretch of each track that takes part.
    """

    pathways: tuple[Pathway, ...]
    budget_given: int = 10_000
    budget_asked: int = 1000
    whole: float = 0.5
    contiguous: float = 0.05
    run: float = 20.0
    text: tuple[str, ...] = ()
    context: Context = field(default_factory=Context)

    def __post_init__(self) -> None:
        if not self.pathways or min(self.budget_given, self.budget_asked) < 1 or self.run < 1:
            raise FoundationError(
                f"SplitTrack: {len(self.pathways)} pathways, budgets {self.budget_given} and {self.budget_asked}, runs "
                f"of {self.run}. Give at least one pathway, and 1 or more of the others."
            )
        if not 0 <= self.whole <= 1 or not 0 <= self.contiguous <= 1:
            raise FoundationError(f"SplitTrack: whole {self.whole}, contiguous {self.contiguous}. Give probabilities.")

    def __call__(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """0 for given, 1 for asked and -1 for unused tokens.

        Raises:
            FoundationError: no pathway fits the sample.
        """
        inside = self.context.inside(tokens, generator)
        pathway = self._pathway(tokens, generator)
        reveal = torch.full((len(tokens),), -1)
        reveal[inside] = self._along(pathway, tokens.select(inside), generator)
        for name in (n for n in tokens.names() if n in pathway.known and _chance(generator) < 0.5):
            index = tokens.of(name)
            reveal[index[torch.isin(tokens.ids[index], torch.tensor(pathway.known[name]))]] = 0
        return reveal

    def after(self, samples: float) -> "SplitTrack":
        """With stretches as long as they are after so many samples of training."""
        return replace(self, context=self.context.after(samples))

    def _pathway(self, tokens: Tokens, generator: Generator) -> Pathway:
        """One of those that the sample allows."""
        names = tokens.names()
        fitting = [p for p in self.pathways if p.fits(names)]
        if not fitting:
            raise FoundationError(
                f"SplitTrack: a sample with {', '.join(names)} fits none of {len(self.pathways)} pathways. "
                "Add one, or train on `--data.modalities` that the pathways name."
            )
        weights = torch.tensor([p.weight for p in fitting], dtype=torch.float32)
        return fitting[int(torch.multinomial(weights, 1, generator=generator))]

    def _along(self, pathway: Pathway, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """Steps of all tokens when this is asked."""
        reveal = torch.full((len(tokens),), -1)
        for name in tokens.names():
            self._split(reveal, tokens, name, pathway, generator)
        _keep(reveal, 0, self.budget_given, generator)
        _keep(reveal, 1, self.budget_asked, generator)
        return reveal

    def support(self, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
        """Of every pathway what it shows and what it asks; a space that is asked alone is asked of nothing."""
        pairs = set()
        for p in self.pathways:
            shown = [s for s in (*p.given, *p.optional, *p.known) if s in spaces]
            pairs |= {(g, a) for g in shown or [NOTHING] for a in p.asked if a in spaces}
        return frozenset(pairs)

    def _split(self, reveal: Tensor, tokens: Tokens, name: str, pathway: Pathway, generator: Generator) -> None:
        """Decide about one space, in place."""
        index = tokens.of(name)
        index = index[torch.argsort(tokens.position[index, 0], stable=True)]
        asked = name in pathway.asked
        shown = name in pathway.given or (name in pathway.optional and _chance(generator) < 0.5)
        if asked and name in self.text:
            reveal[index] = 1
        elif asked and shown:
            part = self._part(len(index), generator)
            part[int(torch.randint(len(index), (), generator=generator))] = False  # something is asked
            reveal[index] = torch.where(part, 0, 1)
        elif asked:
            reveal[index] = 1
        elif shown:
            whole = _chance(generator) < self.whole
            reveal[index] = 0 if whole else torch.where(self._part(len(index), generator), 0, -1)

    def _part(self, count: int, generator: Generator) -> Bool[Tensor, "n"]:
        """Which of `count` places in order are shown: a share drawn uniformly, of single places or of runs."""
        share = _chance(generator)
        draw = torch.rand(count, generator=generator)
        if _chance(generator) < self.contiguous:
            begins = torch.rand(count, generator=generator) < 1 / self.run
            draw = draw[begins.cumsum(0).clamp(max=count - 1)]  # one number for each run
        return draw < share


def _keep(reveal: Int[Tensor, "L"], step: int, budget: int, generator: Generator) -> None:
    """Leave out what is beyond the budget, in place."""
    index = torch.nonzero(reveal == step).flatten()
    if len(index) > budget:
        reveal[index[torch.randperm(len(index), generator=generator)[budget:]]] = -1


def _chance(generator: Generator) -> float:
    return float(torch.rand((), generator=generator))
