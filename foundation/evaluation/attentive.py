"""attentive: a learned query that looks over an object's tokens, then a small network; it finds what a mean destroys.

One query of `heads` heads cross-attends to the frozen tokens. With a single query the key projection folds into the
query (q · W x = (Wᵀ q) · x) and the value projection commutes with the weighted sum, so no token is projected: each
head is one free vector of the full width and training costs little more than reading the tokens.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.evaluation.problem import Answers, Features, Problem
from foundation.kernels.attention import AttentionLayout, attention
from foundation.seeded import seeded

ENOUGH = 1000  # objects, for the mean and the deviation of their tokens


@dataclass(frozen=True)
class ProbeTraining:
    """How the probe is fitted.

    Args:
        steps: at most; the learning rate falls to 0 over these.
        check: steps between two looks at the validation part.
        patience: looks without a better validation loss before it stops.
    """

    heads: int = 4
    hidden: int = 64
    dropout: float = 0.1
    rate: float = 2e-3
    weight_decay: float = 0.05
    steps: int = 300
    check: int = 20
    patience: int = 6
    batch: int = 32


class AttentiveHead(nn.Module):
    """Tokens of several objects -> one output vector each.

    Args:
        mean, deviation: of the training tokens, [D]. Standardising them commutes with attention (a shift of all scores
            leaves the softmax as it is), so it is done to the query and to what it has seen and not to every token.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, mean: Float[Tensor, "D"], deviation: Float[Tensor, "D"], outputs: int, training: ProbeTraining
    ) -> None:
        super().__init__()
        width = len(mean)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.query = nn.Parameter(torch.randn(training.heads, width) / width**0.5)
        self.network = nn.Sequential(
            nn.Linear(training.heads * width, training.hidden),
            nn.GELU(),
            nn.Dropout(training.dropout),
            nn.Linear(training.hidden, training.hidden),
            nn.GELU(),
            nn.Linear(training.hidden, outputs),
        )

    def forward(self, tokens: Float[Tensor, "T D"], offsets: Int[Tensor, "bounds"]) -> Float[Tensor, "n outputs"]:
        """Objects are segments of a packed layout, with the heads as their query rows: nothing is padded."""
        n, heads = len(offsets) - 1, len(self.query)
        if len(tokens) == n:  # one token each: attention has no choice
            return self.network(((tokens - self.mean) / self.deviation).repeat(1, heads))
        query = (self.query / self.deviation).repeat(n, 1)[:, None]  # [n * heads, 1, D]
        codes = torch.zeros(
            max(n * heads, len(tokens)), dtype=torch.long
        )  # equal codes: every row sees its whole segment
        layout = AttentionLayout(torch.arange(n + 1) * heads, codes[: n * heads], offsets, codes[: len(tokens)])
        seen = attention(query, tokens[:, None], tokens[:, None], layout)[:, 0]  # [n * heads, D]
        return self.network(((seen - self.mean) / self.deviation).reshape(n, -1))


def attentive(problem: Problem, seed: int, training: ProbeTraining = ProbeTraining()) -> Answers:
    """Attentive probe on the tokens of each object."""
    return _Fit(problem, seed, training).answers()


def mlp(problem: Problem, seed: int, training: ProbeTraining = ProbeTraining(heads=1)) -> Answers:
    """Two-layer network on the pooled vector: the attentive probe of an object that has one token."""
    learned = problem.features.pooled[problem.train]
    count = np.isfinite(learned).sum(0)
    mean = np.divide(np.nansum(learned, 0), count, out=np.zeros_like(learned[0]), where=count > 0)
    features = _as_one_token(problem.features, mean)
    same = problem.test_features is problem.features
    test_features = features if same else _as_one_token(problem.test_features, mean)
    return _Fit(replace(problem, features=features, test_features=test_features), seed, training).answers()


def _as_one_token(features: Features, mean: np.ndarray) -> Features:
    """The pooled vector as the only token, the training mean where it was not measured."""
    n = len(features.pooled)
    token = np.where(np.isfinite(features.pooled), features.pooled, mean)
    return Features(features.pooled, torch.from_numpy(token), torch.arange(n), torch.ones(n, dtype=torch.long))


class _Fit:
    """One training of a head, with early stopping."""

    def __init__(self, problem: Problem, seed: int, training: ProbeTraining) -> None:
        self.problem, self.training = problem, training
        self.generator = torch.Generator().manual_seed(seed)
        tokens, _ = _gather(problem.features, problem.train[:ENOUGH])
        deviation = tokens.std(0, correction=0).clamp(min=1e-6)
        target = torch.from_numpy(problem.target)
        self.centre, self.scale = 0.0, 1.0
        if not problem.classes:
            self.centre, self.scale = (
                float(target[problem.train].mean()),
                float(target[problem.train].std().clamp(min=1e-9)),
            )
        self.target = target if problem.classes else ((target - self.centre) / self.scale).float()
        counts = torch.bincount(target[problem.train], minlength=problem.classes) if problem.classes else None
        self.weight = None if counts is None else len(problem.train) / (problem.classes * counts.clamp(min=1)).float()
        with seeded(seed):
            self.head = AttentiveHead(tokens.mean(0), deviation, max(problem.classes, 1), training)
            self._train()

    def _train(self) -> None:
        optimiser = torch.optim.AdamW(
            self.head.parameters(), self.training.rate, weight_decay=self.training.weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.training.steps)
        best, waited, state = float("inf"), 0, copy.deepcopy(self.head.state_dict())
        for step, index in zip(range(1, self.training.steps + 1), self._shuffled(), strict=False):
            loss = self._loss(self.head(*_gather(self.problem.features, index)), index)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            if step % self.training.check:
                continue
            loss = self._validation_loss()
            waited = 0 if loss < best else waited + 1
            if loss < best:
                best, state = loss, copy.deepcopy(self.head.state_dict())
            if waited >= self.training.patience:
                break
        self.head.load_state_dict(state)

    def _shuffled(self) -> Iterator[np.ndarray]:
        """Batches of training objects, in a new order every round, without end."""
        while True:
            order = torch.randperm(len(self.problem.train), generator=self.generator)
            yield from (self.problem.train[chosen.numpy()] for chosen in order.split(self.training.batch))

    def _validation_loss(self) -> float:
        outputs = self._outputs(self.problem.features, self.problem.validation)
        self.head.train()
        return float(self._loss(outputs, self.problem.validation))

    def _loss(self, outputs: Tensor, index: np.ndarray) -> Tensor:
        if self.problem.classes:
            return F.cross_entropy(outputs, self.target[index], self.weight)
        return F.smooth_l1_loss(outputs[:, 0], self.target[index])

    @torch.no_grad()
    def _outputs(self, features: Features, index: np.ndarray) -> Tensor:
        self.head.eval()
        parts = np.array_split(index, max(1, len(index) // 256))
        return torch.cat([self.head(*_gather(features, part)) for part in parts])

    def answers(self) -> Answers:
        """Values in the unit of the target, or class probabilities."""
        return Answers(
            self._finished(self.problem.features, self.problem.validation),
            self._finished(self.problem.test_features, self.problem.test),
        )

    def _finished(self, features: Features, index: np.ndarray) -> np.ndarray:
        outputs = self._outputs(features, index)
        if self.problem.classes:
            return outputs.softmax(-1).double().numpy()
        return outputs[:, 0].double().numpy() * self.scale + self.centre


def _gather(features: Features, index: np.ndarray) -> tuple[Tensor, Tensor]:
    """Tokens of these objects end to end as float32, and their offsets."""
    if features.tokens is None or features.begin is None or features.count is None:
        raise ValueError("the attentive probe needs tokens. Extract features with their tokens, or use the mlp probe.")
    begin, count = features.begin[index], features.count[index]
    offsets = torch.cat([count.new_zeros(1), count.cumsum(0)])
    at = torch.arange(int(offsets[-1])) + torch.repeat_interleave(begin - offsets[:-1], count)
    return features.tokens[at].float(), offsets
