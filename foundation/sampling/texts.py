"""Texts written piece by piece, each from what is given and from the pieces before it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from foundation.model.over_tokens import OverTokens
from foundation.progress import track
from foundation.sampling.choose import Choice
from foundation.sampling.marginals import Question, marginals
from foundation.tokens import Space, Tokens


@dataclass(frozen=True, eq=False)
class Written:
    """A text.

    Args:
        tokens: its pieces, in order.
        log_likelihood: what the model makes of each, in nats, before any temperature.
    """

    tokens: Tokens
    log_likelihood: Float[Tensor, "n"]


@dataclass(frozen=True)
class Blank:
    """What is to be written.

    Args:
        space: of the text.
        track: number of its track.
        pieces: of each text; a model of tracks knows no end.
        words: codes that stand for pieces; those after them stand for none.
    """

    space: Space
    track: int
    pieces: int
    words: int

    def tokens(self, ids: Int[Tensor, "n"]) -> Tokens:
        """The first pieces."""
        return Tokens.of_space(self.space, ids, torch.arange(len(ids), dtype=torch.float64)[:, None], self.track)


def written(
    model: OverTokens, given: Sequence[Tokens], blank: Blank, choice: Choice, seeds: Sequence[int]
) -> list[Written]:
    """A text for each sample; it depends on what is given of that sample and on its seed alone.

    The whole of what is known is read again for every piece, so the time grows with the square of the length.

    Args:
        given: known tokens of each sample, none of the text.
        seeds: one for each sample.
    """
    chances = [torch.rand(blank.pieces, generator=Generator().manual_seed(seed), dtype=torch.float64) for seed in seeds]
    ids = torch.zeros(len(given), blank.pieces, dtype=torch.long)
    found = torch.zeros(len(given), blank.pieces, dtype=torch.float64)
    allowed = (torch.arange(blank.space.size) < blank.words)[None]
    for place in track(range(blank.pieces), "writing", blank.pieces):
        asked = [Question(known, blank.tokens(own[: place + 1])) for known, own in zip(given, ids, strict=True)]
        logits = torch.stack([probability[-1] for probability in marginals(model, asked)]).log()
        ids[:, place] = choice.codes(logits, torch.stack([chance[place] for chance in chances]), allowed)
        found[:, place] = logits.gather(1, ids[:, place, None])[:, 0]
    return [Written(blank.tokens(own), told) for own, told in zip(ids, found, strict=True)]
