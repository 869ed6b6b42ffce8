"""Chains: several spaces predicted one after the other, each from what was given and from all before it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from foundation.errors import FoundationError
from foundation.sampling.sampler import Sampler
from foundation.tokens import Tokens, concatenate

SEEDS = 2**62  # below which seeds of links are drawn


def chain(
    sampler: Sampler,
    given: Sequence[Tokens],
    links: Sequence[str | Sequence[str]],
    *,
    steps: int | Sequence[int] = 1,
    seed: int | Sequence[int] = 0,
    **options: Any,  # noqa: ANN401 - those of Sampler.complete
) -> list[Tokens]:
    """The tokens of all links, such as of the image, then of the spectrum, then of the redshift.

    Args:
        sampler: draws; every link has to be a pathway that was trained, from what is given and from the links before.
        given: known tokens of each sample.
        links: a space, or several that are predicted together, each.
        steps: passes of the model for each link, or one number for all.
        seed: one for each sample, or the first of consecutive ones; each link has chance of its own.
        options: order, schedule and allowed of `Sampler.complete`.

    Raises:
        FoundationError: as there, or another number of steps than of links.
    """
    counts = [steps] * len(links) if isinstance(steps, int) else list(steps)
    if not links or len(counts) != len(links):
        raise FoundationError(f"A chain of {len(links)} links with steps {steps}. Give one number, or one for each.")
    seeds = list(range(seed, seed + len(given)) if isinstance(seed, int) else seed)
    known, drawn = list(given), [[] for _ in given]
    for number, (link, count) in enumerate(zip(links, counts, strict=True)):
        names = [link] if isinstance(link, str) else list(link)
        own = [_seed(s, number) for s in seeds]
        for i, tokens in enumerate(sampler.complete(known, names, steps=count, seed=own, **options)):
            new = replace(tokens, vectors={n: v for n, v in tokens.vectors.items() if n in tokens.names()})
            known[i] = concatenate([known[i], new])
            drawn[i].append(new)
    return [concatenate(parts) for parts in drawn]


def _seed(seed: int, link: int) -> int:
    """The sample's own for the first link, drawn from it for the others."""
    draws = torch.randint(SEEDS, (link + 1,), generator=torch.Generator().manual_seed(seed))
    return int(draws[link]) if link else seed
