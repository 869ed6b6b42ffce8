"""attentive: a learned query that looks over an object's tokens, then a small network; it finds what a mean destroys.

One query of `heads` heads cross-attends to the frozen tokens. With a single query the key projection folds into the
query (q · W x = (Wᵀ q) · x) and the value projection commutes with the weighted sum, so no token is projected: each
head is one free vector of the full width and training costs little more than reading the tokens.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.evaluation.problem import Answers, Features, Problem
from foundation.kernels.attention import AttentionLayout, attention


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
    steps: int = 400
    check: int = 20
    patience: int = 6
    batch: int = 64


class AttentiveHead(nn.Module):
    """Tokens of several objects -> one output vector each."""

    def __init__(self, width: int, outputs: int, training: ProbeTraining) -> None:
        super().__init__()
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
        query = self.query.repeat(n, 1)[:, None]  # [n * heads, 1, D]
        layout = AttentionLayout(
            torch.arange(n + 1) * heads,
            torch.zeros(n * heads, dtype=torch.long),
            offsets,
            torch.zeros(len(tokens), dtype=torch.long),
        )
        seen = attention(query, tokens[:, None], tokens[:, None], layout)  # [n * heads, 1, D]
        return self.network(seen.reshape(n, -1))


def attentive(problem: Problem, seed: int, training: ProbeTraining = ProbeTraining()) -> Answers:
    """Attentive probe on the tokens of each object."""
    return _Fit(problem, seed, training).answers()


def mlp(problem: Problem, seed: int, training: ProbeTraining = ProbeTraining(heads=1)) -> Answers:
    """Two-layer network on the pooled vector: the attentive probe of an object that has one token."""
    single = {id(f): _as_one_token(f) for f in (problem.features, problem.test_features)}
    features, test = single[id(problem.features)], single[id(problem.test_features)]
    return _Fit(
        Problem(features, problem.target, problem.train, problem.validation, test, problem.test, problem.classes),
        seed,
        training,
    ).answers()


def _as_one_token(features: Features) -> Features:
    n = len(features.pooled)
    return Features(
        features.pooled, torch.from_numpy(features.pooled), torch.arange(n), torch.ones(n, dtype=torch.long)
    )


class _Fit:
    """One training of a head, with early stopping."""

    def __init__(self, problem: Problem, seed: int, training: ProbeTraining) -> None:
        self.problem, self.training = problem, training
        self.generator = torch.Generator().manual_seed(seed)
        tokens, _ = _gather(problem.features, problem.train)
        known = tokens.isfinite()
        count = known.sum(0).clamp(min=1)
        self.mean = torch.where(known, tokens, 0).sum(0) / count
        self.deviation = (torch.where(known, tokens - self.mean, 0).square().sum(0) / count).sqrt().clamp(min=1e-6)
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
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = AttentiveHead(tokens.shape[1], max(problem.classes, 1), training)
            self._train()

    def _train(self) -> None:
        optimiser = torch.optim.AdamW(
            self.head.parameters(), self.training.rate, weight_decay=self.training.weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.training.steps)
        best, waited, state = float("inf"), 0, copy.deepcopy(self.head.state_dict())
        for step, index in zip(range(1, self.training.steps + 1), self._shuffled(), strict=False):
            loss = self._loss(self.head(*self._batch(self.problem.features, index)), index)
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

    def _batch(self, features: Features, index: np.ndarray) -> tuple[Tensor, Tensor]:
        tokens, offsets = _gather(features, index)
        return torch.nan_to_num((tokens - self.mean) / self.deviation, nan=0.0), offsets

    def _loss(self, outputs: Tensor, index: np.ndarray) -> Tensor:
        if self.problem.classes:
            return F.cross_entropy(outputs, self.target[index], self.weight)
        return F.smooth_l1_loss(outputs[:, 0], self.target[index])

    @torch.no_grad()
    def _outputs(self, features: Features, index: np.ndarray) -> Tensor:
        self.head.eval()
        parts = np.array_split(index, max(1, len(index) // 256))
        return torch.cat([self.head(*self._batch(features, part)) for part in parts])

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
