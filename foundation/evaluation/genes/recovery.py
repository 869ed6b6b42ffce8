"""Recovery: how many hidden letters or residues a model gets right, with no, some and all tracks shown beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foundation.evaluation.bootstrap import Drawn
from foundation.evaluation.genes.compared import Compared, compared, of_mean
from foundation.model.over_tokens import OverTokens
from foundation.sampling.genes.conditions import Condition
from foundation.sampling.marginals import Stretches, in_stretches
from foundation.tokens import Tokens

COMMONEST = "commonest symbol"
STATISTICS = ("recovered", "log_likelihood")


@dataclass(frozen=True, eq=False)
class Answers:
    """What is said of hidden symbols, row by row.

    Args:
        places: where they stand in their row.
        truth: their codes.
        told: who says -> probabilities of all codes, the reference first.
    """

    places: Sequence[Int[Tensor, "_"]]
    truth: Sequence[Int[Tensor, "_"]]
    told: Mapping[str, Sequence[Float[Tensor, "_ size"]]]


def answers_of(
    model: OverTokens, tokens: Sequence[Tokens], target: str, conditions: Sequence[Condition], stretches: Stretches,
    hidden: float = 0.5, seed: int = 0,
) -> Answers:  # fmt: skip
    """What a model says of a share of the symbols of a modality, which is hidden; the same under all conditions.

    Args:
        tokens: of each row, with all that conditions show.
        target: modality whose symbols are hidden.
        hidden: share of them.
    """
    questions = {c.name: [c.hidden(t, target, hidden, seed + i) for i, t in enumerate(tokens)] for c in conditions}
    asked = [q.asked for q in questions[conditions[0].name]]
    told = {name: in_stretches(model, own, stretches) for name, own in questions.items()}
    return Answers([a.position[:, 0].long() for a in asked], [a.ids for a in asked], told)


def recovery(
    answers: Answers, genes: Sequence[str], where: Sequence[Bool[Tensor, "_"]] | None = None
) -> list[Compared]:
    """The share of hidden symbols that are thought likeliest, and their log-likelihood in nats.

    The first who says is the reference. The commonest symbol is that of the hidden ones themselves, so that no guess
    that is always the same does better.

    Args:
        genes: of each row.
        where: which of the hidden symbols of each row count; None = all.
    """
    where = [torch.ones_like(ids, dtype=torch.bool) for ids in answers.truth] if where is None else where
    counted = [i for i, kept in enumerate(where) if kept.any()]
    truth, genes = [answers.truth[i][where[i]] for i in counted], [genes[i] for i in counted]
    ways: dict[str, Mapping[str, Drawn]] = {}
    for name, told in answers.told.items():
        own = [told[i][where[i]] for i in counted]
        right = [(a.argmax(1) == ids).double() for a, ids in zip(own, truth, strict=True)]
        likelihood = [a.gather(1, ids[:, None])[:, 0].log() for a, ids in zip(own, truth, strict=True)]
        ways[name] = {s: _drawn(x, genes) for s, x in zip(STATISTICS, (right, likelihood), strict=True)}
        ways.setdefault(COMMONEST, _always_one(truth, genes))
    return compared(ways, next(iter(answers.told)))


def _always_one(truth: Sequence[Tensor], genes: Sequence[str]) -> dict[str, Drawn]:
    """Guessing the commonest symbol, and the frequencies of all."""
    counts = torch.bincount(torch.cat(list(truth))).double()
    share = counts / counts.sum()
    right = [(ids == counts.argmax()).double() for ids in truth]
    return {"recovered": _drawn(right, genes), "log_likelihood": _drawn([share[ids].log() for ids in truth], genes)}


def _drawn(values: Sequence[Tensor], genes: Sequence[str]) -> Drawn:
    means, counts = (np.array([float(f(v)) for v in values]) for f in (torch.mean, len))
    return of_mean(means, counts, genes)
