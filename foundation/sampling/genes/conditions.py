"""Conditions: what of a row a model is shown when it is asked for a track, or for what was hidden of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from foundation.data.biology.genes.layout import END, LETTERS, MARKS, NONE, START
from foundation.masking.policy import NOTHING
from foundation.sampling.marginals import Question
from foundation.sampling.pathways import Pathways
from foundation.tokens import Tokens

ENDS = "ends"  # stands for the known ends of a transcript among the tracks beside the letters


@dataclass(frozen=True)
class Condition:
    """What is shown.

    Args:
        given: modalities; what is asked of them is hidden.
        ends: also where the transcript starts and ends, however far away.
    """

    given: tuple[str, ...]
    ends: bool = False

    @property
    def name(self) -> str:
        """In the words of a table."""
        return " + ".join((*self.given, *([ENDS] if self.ends else [])))

    def junctions(self, tokens: Tokens) -> Question:
        """Ask for the junctions of all places, but for ends that are known."""
        return self._question(tokens, _junctions(tokens, known=self.ends))

    def hidden(self, tokens: Tokens, target: str, share: float, seed: int) -> Question:
        """Ask for a share of the places of a modality, drawn at random; one at least."""
        at = tokens.of(target)
        order = at[torch.randperm(len(at), generator=Generator().manual_seed(seed))]
        asked = torch.zeros(len(tokens), dtype=torch.bool)
        asked[order[: max(round(share * len(at)), 1)]] = True
        return self._question(tokens, asked)

    def whole(self, tokens: Tokens, target: str) -> Question:
        """Ask for a modality at all places."""
        asked = torch.zeros(len(tokens), dtype=torch.bool)
        asked[tokens.of(target)] = True
        return self._question(tokens, asked)

    def _question(self, tokens: Tokens, asked: Bool[Tensor, "L"]) -> Question:
        shown = torch.zeros_like(asked)
        shown[torch.cat([tokens.of(name) for name in self.given])] = True
        if self.ends:
            shown[tokens.of(MARKS)] = True
        return Question(tokens.select(shown & ~asked), tokens.select(asked), (MARKS,) if self.ends else ())


def junction_table(condition: Condition, tokens: Tokens, answer: Float[Tensor, "n size"]) -> Float[Tensor, "L size"]:
    """Probabilities of the kinds of junctions at all places of a row; of known ends, what they are.

    Before a known start and after a known end there is none, whatever the answer says.
    """
    at = tokens.of(MARKS)
    asked = _junctions(tokens, known=condition.ends)[at]
    table = torch.nn.functional.one_hot(tokens.ids[at], answer.shape[1]).to(answer)
    table[asked] = answer
    if condition.ends:
        table[_outside(tokens.select(at))] = torch.nn.functional.one_hot(torch.tensor(NONE), answer.shape[1]).to(answer)
    return table


def _outside(marks: Tokens) -> Bool[Tensor, "L"]:
    """Which places are before the start of a transcript or after its end."""
    place, found = marks.position[:, 0], torch.zeros(len(marks), dtype=torch.bool)
    for code, beyond in ((START, torch.lt), (END, torch.gt)):
        edge = place[marks.ids == code]
        if len(edge):
            found |= beyond(place, edge[0])
    return found


def conditions(trained: Pathways, target: str, beside: Sequence[str] = ()) -> list[Condition]:
    """One modality alone, with each track that the model learned to predict `target` from, and with all of them.

    Alone are the letters, or, of a modality that is predicted from the rest of it, that rest. Empty if the model did
    not learn to predict the target so.

    Args:
        trained: pairs of what was given and what was asked.
        beside: tracks that may be shown, ENDS among them; empty = all that were trained.
    """
    known = {given for given, asked in trained if asked == target}
    first = target if target in known and target != MARKS else LETTERS
    if first not in known:
        return []
    others = [*sorted(known - {first, target, NOTHING}), *([ENDS] if MARKS in known & {target} else [])]
    chosen = [name for name in others if not beside or name in beside]
    sets = [(), *((name,) for name in chosen), *([tuple(chosen)] if len(chosen) > 1 else [])]
    return [Condition((first, *(n for n in names if n != ENDS)), ENDS in names) for names in sets]


def _junctions(tokens: Tokens, known: bool) -> Bool[Tensor, "L"]:
    """Which tokens are junctions that are asked for."""
    asked = torch.zeros(len(tokens), dtype=torch.bool)
    at = tokens.of(MARKS)
    asked[at] = ~torch.isin(tokens.ids[at], torch.tensor([START, END])) if known else True
    return asked
