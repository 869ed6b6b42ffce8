"""Drafts: samples in the making, and the writing of drawn values into them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution

from foundation.batch import TokenBatch
from foundation.errors import FoundationError
from foundation.model.heads import Prediction
from foundation.sampling.choose import Choice
from foundation.sampling.order import Schedule, random_steps, tokens_per_step
from foundation.tokens import Tokens, concatenate


@dataclass(frozen=True, eq=False)
class Draft:
    """One sample, the step at which each of its tokens becomes known, and its own source of chance.

    Args:
        known: share of what is asked that is known already.
    """

    tokens: Tokens
    reveal: Int[Tensor, "L"]
    generator: Generator
    known: float = 0.0

    def share_known(self, step: int) -> float:
        """Of the asked tokens, before this step."""
        asked = self.reveal > 0
        return float((asked & (self.reveal < step)).sum() / asked.sum().clamp(min=1))


def begun(
    given: Tokens,
    asked: Tokens,
    steps: int,
    order: str,
    schedule: Schedule,
    generator: Generator,
) -> Draft:
    """Given tokens, then the asked ones with their steps: drawn at random, or all 1 if the model decides."""
    n = len(asked)
    if order == "random":
        step = random_steps(tokens_per_step(n, steps, schedule), generator)
    else:
        step = torch.ones(n, dtype=torch.long)
    return Draft(concatenate([given, asked]), torch.cat([torch.zeros(len(given), dtype=torch.long), step]), generator)


def generators(seed: int | Sequence[int], n: int) -> list[Generator]:
    """One for each of `n` samples, from a seed each or from the first of consecutive ones.

    Raises:
        FoundationError: another number of seeds.
    """
    seeds = range(seed, seed + n) if isinstance(seed, int) else seed
    if len(seeds) != n:
        raise FoundationError(f"{len(seeds)} seeds for {n} samples. Give one number, or one for each sample.")
    return [Generator().manual_seed(s) for s in seeds]


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
    known = torch.tensor([d.known for d in drafts], dtype=torch.float64)[document]
    if isinstance(distribution, Categorical):
        logits = distribution.logits.cpu().double()  # [n, size]
        chance = [
            torch.rand(n, dtype=torch.float64, generator=d.generator) for n, d in zip(counts, drafts, strict=True)
        ]
        codes = choice.codes(logits, torch.cat(chance), None if allowed is None else allowed[None], known)
        return codes, logits.log_softmax(-1).gather(-1, codes[:, None])[:, 0]
    mean, scale = distribution.mean.cpu(), distribution.stddev.cpu()  # [n, size]
    noise = [torch.randn(n, mean.shape[1], generator=d.generator) for n, d in zip(counts, drafts, strict=True)]
    values = choice.vectors(mean, scale, torch.cat(noise), known)
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
