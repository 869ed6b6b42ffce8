"""Recovery: how many hidden letters or residues a model gets right, with no, some and all tracks shown beside them."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from foundation.evaluation.bootstrap import Drawn
from foundation.evaluation.genes.compared import Compared, compared, of_mean
from foundation.model.over_tokens import OverTokens
from foundation.sampling.genes.conditions import Condition
from foundation.sampling.marginals import Stretches, in_stretches
from foundation.tokens import Tokens

COMMONEST = "commonest symbol"
STATISTICS = ("recovered", "log_likelihood")


def recovery(
    model: OverTokens, tokens: Sequence[Tokens], genes: Sequence[str], target: str, conditions: Sequence[Condition],
    stretches: Stretches, hidden: float = 0.5, seed: int = 0,
) -> list[Compared]:  # fmt: skip
    """The share of hidden symbols that the model thinks likeliest, and their log-likelihood in nats.

    The same places are hidden under all conditions. The first condition is the reference. The commonest symbol is that
    of the hidden ones themselves, so that no guess that is always the same does better.

    Args:
        tokens: of each row, with all that conditions show.
        genes: of each row.
        target: modality whose symbols are hidden.
        hidden: share of them.
    """
    ways: dict[str, Mapping[str, Drawn]] = {}
    for condition in conditions:
        questions = [condition.hidden(t, target, hidden, seed + i) for i, t in enumerate(tokens)]
        answers = in_stretches(model, questions, stretches)
        truth = [q.asked.ids for q in questions]
        right = [(a.argmax(1) == ids).double() for a, ids in zip(answers, truth, strict=True)]
        likelihood = [a.gather(1, ids[:, None])[:, 0].log() for a, ids in zip(answers, truth, strict=True)]
        ways[condition.name] = {name: _drawn(x, genes) for name, x in zip(STATISTICS, (right, likelihood), strict=True)}
        ways.setdefault(COMMONEST, _always_one(truth, genes))
    return compared(ways, conditions[0].name)


def _always_one(truth: Sequence[torch.Tensor], genes: Sequence[str]) -> dict[str, Drawn]:
    """Guessing the commonest symbol, and the frequencies of all."""
    counts = torch.bincount(torch.cat(list(truth))).double()
    share = counts / counts.sum()
    right = [(ids == counts.argmax()).double() for ids in truth]
    return {"recovered": _drawn(right, genes), "log_likelihood": _drawn([share[ids].log() for ids in truth], genes)}


def _drawn(values: Sequence[torch.Tensor], genes: Sequence[str]) -> Drawn:
    means, counts = (np.array([float(f(v)) for v in values]) for f in (torch.mean, len))
    return of_mean(means, counts, genes)
