"""Marginals: what a model predicts of each asked token by itself, nothing drawn; at once, in stretches, or by vote.

Each question is a document of its own, so what else is asked beside it changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.distributions import Categorical

from foundation.batch import TokenBatch, pack
from foundation.errors import FoundationError
from foundation.model.heads import Prediction
from foundation.model.over_tokens import OverTokens
from foundation.progress import track
from foundation.tokens import Tokens, concatenate

ELEMENTS = 16384  # of one forward pass
SILENT = 32  # passes that need no display of progress

Probabilities = Float[Tensor, "n size"]


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of one sample.

    Args:
        given: known tokens.
        asked: tokens of one space of codes; their positions count, their values do not.
        throughout: spaces of given tokens that every stretch of the question shows, wherever they stand.

    Raises:
        FoundationError: nothing is asked, or tokens of several spaces, or vectors.
    """

    given: Tokens
    asked: Tokens
    throughout: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = self.asked.names()
        if len(names) != 1 or names[0] in self.asked.vectors:
            raise FoundationError(f"{', '.join(names) or 'Nothing'} is asked. Ask for tokens of one space of codes.")

    def __len__(self) -> int:
        return len(self.given) + len(self.asked)

    def of(self, asked: Int[Tensor, "n"]) -> "Question":
        """Some of the asked tokens, of the same given ones."""
        return replace(self, asked=self.asked.select(asked))


@dataclass(frozen=True)
class Stretches:
    """Long tracks in overlapping stretches, such as a model was trained on.

    Args:
        length: places of a stretch; 0 = the whole track.
        margin: places at either end whose predictions are taken from the next stretch, which sees more around them.

    Raises:
        FoundationError: margins that leave nothing.
    """

    length: int = 0
    margin: int = 0

    def __post_init__(self) -> None:
        if self.margin < 0 or (self.length and self.length <= 2 * self.margin):
            raise FoundationError(
                f"stretches of {self.length} places with margins of {self.margin}. Give longer ones, or less margin."
            )

    def bounds(self, low: int, high: int) -> Iterator[tuple[int, int, int]]:
        """Where each stretch of the places low to high - 1 begins and ends, and where those it answers for end."""
        length = self.length or high - low
        start = low
        while start + length < high:
            yield start, start + length, start + length - self.margin
            start += length - 2 * self.margin
        yield max(high - length, low), high, high


def marginals(model: OverTokens, questions: Sequence[Question], elements: int = ELEMENTS) -> list[Probabilities]:
    """float64 probabilities [n, size] of the codes of each question's asked tokens, in their order, on the CPU.

    Args:
        elements: of one forward pass; the result does not depend on it.
    """
    device = next(model.parameters()).device
    found: list[Probabilities] = []
    chunks = list(_chunks(questions, elements))
    for chunk in track(chunks, "predict", len(chunks)) if len(chunks) > SILENT else chunks:
        samples = [(concatenate([q.given, q.asked]), torch.arange(len(q)) >= len(q.given)) for q in chunk]
        batch = pack([(tokens, asked.long()) for tokens, asked in samples], model.spaces).to(device)
        with torch.no_grad():
            found += _handed_back(chunk, batch, model.predict(model(batch), batch))
    return found


def in_stretches(model: OverTokens, questions: Sequence[Question], stretches: Stretches) -> list[Probabilities]:
    """As `marginals`, of each question stretch by stretch; tracks other than the asked one are given whole."""
    pieces = [list(_stretched(q, stretches)) for q in questions]
    flat = iter(marginals(model, [piece for own in pieces for piece, _, _ in own]))
    found = []
    for question, own in zip(questions, pieces, strict=True):
        parts = [(kept, next(flat)[core]) for _, kept, core in own]
        whole = torch.zeros(len(question.asked), parts[0][1].shape[1], dtype=torch.float64)
        for kept, part in parts:
            whole[kept] = part
        found.append(whole)
    return found


def voted(
    model: OverTokens, questions: Sequence[Question], seeds: Sequence[int], passes: int = 8, parts: int = 2
) -> list[Probabilities]:
    """The mean over passes in which the asked tokens are dealt at random into parts, each asked without the others.

    This is the vote of arXiv:2604.24506: what is given stays as it is. Each question has its own seed.
    """
    dealt = [list(_dealt(q, seed, passes, parts)) for q, seed in zip(questions, seeds, strict=True)]
    flat = iter(marginals(model, [q.of(part) for q, own in zip(questions, dealt, strict=True) for part in own]))
    found = []
    for question, own in zip(questions, dealt, strict=True):
        answers = [next(flat) for _ in own]
        total = torch.zeros(len(question.asked), answers[0].shape[1], dtype=torch.float64)
        for part, answer in zip(own, answers, strict=True):
            total[part] += answer
        found.append(total / passes)
    return found


def _dealt(question: Question, seed: int, passes: int, parts: int) -> Iterator[Int[Tensor, "_"]]:
    generator = Generator().manual_seed(seed)
    for _ in range(passes):
        order = torch.randperm(len(question.asked), generator=generator)
        yield from (part for part in order.tensor_split(parts) if len(part))


def _stretched(question: Question, stretches: Stretches) -> Iterator[tuple[Question, Tensor, Tensor]]:
    """A question for each stretch, the asked tokens it answers for, and where these are among its own."""
    asked, given = question.asked, question.given
    along = given.track == asked.track[0]
    for name in question.throughout:
        along[given.of(name)] = False
    place, given_place = asked.position[:, 0], given.position[:, 0]
    everywhere = torch.cat([place, given_place[along]])
    done = -torch.inf
    for start, end, until in stretches.bounds(int(everywhere.min()), int(everywhere.max()) + 1):
        inside = torch.nonzero((place >= start) & (place < end)).flatten()
        answered = (place[inside] >= done) & (place[inside] < until)
        if answered.any():
            shown = ~along | ((given_place >= start) & (given_place < end))
            piece = replace(question, given=given.select(shown), asked=asked.select(inside))
            yield piece, inside[answered], torch.nonzero(answered)[:, 0]
        done = until


def _chunks(questions: Sequence[Question], elements: int) -> Iterator[list[Question]]:
    chunk: list[Question] = []
    for question in questions:
        if chunk and sum(map(len, chunk)) + len(question) > elements:
            yield chunk
            chunk = []
        chunk.append(question)
    if chunk:
        yield chunk


def _handed_back(
    questions: Sequence[Question], batch: TokenBatch, predictions: Mapping[str, Prediction]
) -> Iterator[Probabilities]:
    """Predictions of a batch, question by question."""
    for number, question in enumerate(questions):
        prediction = predictions[question.asked.names()[0]]
        distribution = cast(Categorical, prediction.distribution)  # questions ask for codes
        mine = batch.document[prediction.rows] == number
        token = batch.token[prediction.rows[mine]].cpu() - len(question.given)
        answer = distribution.logits[mine].cpu().double().softmax(-1)
        yield answer[torch.argsort(token)]
