"""Drafts: samples in the making, and the writing of drawn values into them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution

from foundation.batch import TokenBatch
from foundation.model.heads import Prediction
from foundation.sampling.choose import Choice
from foundation.tokens import Tokens


@dataclass(frozen=True, eq=False)
class Draft:
    """One sample, the step at which each of its tokens becomes known, and its own source of chance."""

    tokens: Tokens
    reveal: Int[Tensor, "L"]
    generator: Generator


def write(
    drafts: Sequence[Draft],
    batch: TokenBatch,
    predictions: Mapping[str, Prediction],
    choice: Choice,
    allowed: Mapping[str, Bool[Tensor, "size"]],
) -> list[tuple[Tokens, Float[Tensor, "_"]]]:
    """Draw a value at every query and write it into its draft.

    Args:
        batch: the drafts, packed in this order.
        predictions: of the model, for the batch's queries.

    Returns:
        Each draft's tokens, and the log-probability of every value drawn (float64; -inf where none was; in a
        continuous space the mean log-density of the components).
    """
    lengths = [len(d.tokens) for d in drafts]
    start = torch.tensor([0, *lengths]).cumsum(0)
    ids = torch.cat([d.tokens.ids for d in drafts])
    score = torch.full((len(ids),), -torch.inf, dtype=torch.float64)
    vectors = {name: v.cpu().clone() for name, v in batch.vectors.items()}
    for name, prediction in predictions.items():
        rows = prediction.rows
        document = batch.document[rows].cpu()
        at = start[document] + batch.token[rows].cpu()
        values, score[at] = _draw(prediction.distribution, document, drafts, choice, allowed.get(name))
        if name in vectors:
            vectors[name][batch.ids[rows].cpu()] = values
        else:
            ids[at] = values
    parts = zip(drafts, ids.split(lengths), _split(vectors, drafts), score.split(lengths), strict=True)
    return [(replace(d.tokens, ids=i, vectors=v), s) for d, i, v, s in parts]


def _draw(
    distribution: Distribution,
    document: Int[Tensor, "n"],
    drafts: Sequence[Draft],
    choice: Choice,
    allowed: Tensor | None,
) -> tuple[Tensor, Float[Tensor, "n"]]:
    """Values and their log-probabilities. Rows come draft by draft, so each draft's chance depends on itself alone."""
    counts = torch.bincount(document, minlength=len(drafts)).tolist()
    if isinstance(distribution, Categorical):
        logits = distribution.logits.cpu().double()  # [n, size]
        chance = [
            torch.rand(n, dtype=torch.float64, generator=d.generator) for n, d in zip(counts, drafts, strict=True)
        ]
        codes = choice.codes(logits, torch.cat(chance), None if allowed is None else allowed[None])
        return codes, logits.log_softmax(-1).gather(-1, codes[:, None])[:, 0]
    mean, scale = distribution.mean.cpu(), distribution.stddev.cpu()  # [n, size]
    noise = [torch.randn(n, mean.shape[1], generator=d.generator) for n, d in zip(counts, drafts, strict=True)]
    values = choice.vectors(mean, scale, torch.cat(noise))
    return values, torch.distributions.Normal(mean, scale).log_prob(values).double().mean(-1)


def _split(vectors: Mapping[str, Tensor], drafts: Sequence[Draft]) -> list[dict[str, Tensor]]:
    """Vectors of the batch, handed back to the drafts they came from."""
    own: list[dict[str, Tensor]] = [{} for _ in drafts]
    for name, rows in vectors.items():
        counts = [len(d.tokens.vectors.get(name, ())) for d in drafts]
        for mine, d, part in zip(own, drafts, rows.split(counts), strict=True):
            if name in d.tokens.vectors:
                mine[name] = part
    return own
