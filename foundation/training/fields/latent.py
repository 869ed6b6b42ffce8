"""Latent prediction: an encoder learns by predicting its own tokens of coming frames, not what is at their points.

From the tokens of each frame, which know all frames before it, a small predictor tells those of the next ones, which
the same encoder makes of each such frame alone: so they cannot be met by remembering. After the joint-embedding
prediction of physical fields (arXiv:2603.13227), with this package's encoder for theirs. Tokens that are all alike
would be predicted perfectly; one of two guards keeps them apart:

- "variance": VICReg's terms (arXiv:2105.04906) hold the deviation of each component of the tokens up, and components
  uncorrelated, as published; gradients reach both sides;
- "average": the side to be predicted is a slowly moving average of the encoder (arXiv:2006.07733), normalised token by
  token, without gradient.

Variance and covariance are taken over the tokens of this rank's micro-batch, not of all ranks.
"""

import copy
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor, nn

from foundation.data.fields.batch import FieldBatch
from foundation.errors import FoundationError
from foundation.model.fields.transformer import FieldTransformer, Setting
from foundation.model.whole import whole

EPSILON = 1e-4  # of variances, as published for VICReg
CONTEXT = 2  # frames at least, as the first is no start of a prediction


@dataclass(frozen=True)
class LatentConfig:
    """The predictor and the guard against tokens that are all alike.

    Args:
        guard: "variance" as published, or "average"; see the head of this file.
        horizon: frames ahead that are predicted from each frame.
        hidden: width of the predictor between its two maps, in widths of a token.
        weights: of the error of prediction, the variance and the covariance; "average" has the first alone.
        decay: of the moving average, a step.

    Raises:
        FoundationError: a horizon or width below 1, a weight below 0, or a decay outside 0 to 1.
    """

    guard: Literal["variance", "average"] = "variance"
    horizon: int = 1
    hidden: int = 1
    weights: tuple[float, float, float] = (2.0, 40.0, 2.0)
    decay: float = 0.99

    def __post_init__(self) -> None:
        if min(self.horizon, self.hidden) < 1 or min(self.weights) < 0 or not 0 <= self.decay < 1:
            raise FoundationError(
                f"latent prediction with horizon {self.horizon}, hidden {self.hidden}, weights {self.weights}, decay "
                f"{self.decay}. Give a horizon and a width of at least 1, weights of at least 0, a decay from 0 to 1."
            )


@dataclass(frozen=True, eq=False)
class LatentTerms:
    """Parts of the loss, before their weights.

    Args:
        prediction: mean square error of the predicted tokens.
        variance: mean shortfall of the components' deviations from 1.
        covariance: squares of the covariances of components with others, summed, over the number of components.
    """

    prediction: Float[Tensor, ""]
    variance: Float[Tensor, ""]
    covariance: Float[Tensor, ""]


class LatentPrediction(nn.Module):
    """What is trained beside the encoder: the predictor, and for the guard "average" a second encoder that follows.

    Args:
        encoder: whose tokens are predicted; its decoders are frozen, as nothing asks them.
        config: the predictor and the guard.
    """

    def __init__(self, encoder: FieldTransformer, config: LatentConfig) -> None:
        super().__init__()
        self.config, width = config, encoder.config.width
        between = config.hidden * width
        self.predictor = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, between), nn.GELU(), nn.Linear(between, config.horizon * width)
        )
        encoder.decoders.requires_grad_(False)
        self.average = copy.deepcopy(encoder).requires_grad_(False) if config.guard == "average" else None

    def forward(self, encoder: FieldTransformer, batch: FieldBatch, generator: Generator | None = None) -> LatentTerms:
        """Terms of the loss of a micro-batch; jitter is the same on both sides.

        Raises:
            FoundationError: too short a window for the horizon.
        """
        ahead, frames = self.config.horizon, batch.values.shape[1]
        shown = frames - ahead
        if shown < CONTEXT:
            raise FoundationError(
                f"{batch.dataset}: windows of {frames} frames and a horizon of {ahead}. Give `--data.frames` of at "
                f"least {CONTEXT + ahead - 1}."
            )
        context = batch.values[:, :shown]
        setting = encoder.setting(context, batch.names, batch.boundary, generator)
        view = encoder.view(batch.values, encoder.scales(context))
        embedded = encoder.embed(view, setting)
        known = encoder.mix(embedded[: shown * len(view)], shown, setting).unflatten(0, (shown, -1))
        target = self._targets(encoder, embedded, view, setting).unflatten(0, (frames, -1))
        predicted = self.predictor(known[1:]).unflatten(-1, (ahead, -1))  # [T, B, S, ahead, width]
        wanted = torch.stack([target[1 + j : shown + j] for j in range(1, ahead + 1)], -2)
        return self._terms(predicted, wanted, known)

    @torch.no_grad()
    def follow(self, encoder: FieldTransformer) -> None:
        """Move the average towards the encoder, after each step."""
        if self.average is not None:
            pairs = zip(self.average.parameters(), encoder.parameters(), strict=True)
            for mine, new in pairs:
                mine.lerp_(new, 1 - self.config.decay)

    def loss(self, terms: LatentTerms) -> Float[Tensor, ""]:
        """The weighted sum."""
        prediction, variance, covariance = self.config.weights
        if self.average is not None:
            return prediction * terms.prediction
        return prediction * terms.prediction + variance * terms.variance + covariance * terms.covariance

    def _targets(
        self, encoder: FieldTransformer, embedded: Tensor, view: Tensor, setting: Setting
    ) -> Float[Tensor, "FB S width"]:
        """Tokens of every frame as the encoder, or its average, makes them of that frame alone."""
        if self.average is None:
            return encoder.mix(embedded, 1, setting)
        whole = replace(setting, draws=replace(setting.draws, keep=None))
        with torch.no_grad():
            tokens = self.average.mix(self.average.embed(view, whole), 1, whole)
            return F.layer_norm(tokens, tokens.shape[-1:])

    def _terms(
        self,
        predicted: Float[Tensor, "T B S ahead width"],
        wanted: Float[Tensor, "T B S ahead width"],
        known: Float[Tensor, "shown B S width"],
    ) -> LatentTerms:
        sides = [known] if self.average is not None else [known, wanted]
        rows = [side.float().flatten(0, -2) for side in sides]
        error = (predicted.float() - wanted.float()).square().mean()
        return LatentTerms(error, *(torch.stack([*map(term, rows)]).mean() for term in (_shortfall, _correlation)))


def _shortfall(rows: Float[Tensor, "N width"]) -> Float[Tensor, ""]:
    """By how much the deviations of the components are below 1, on average."""
    return F.relu(1 - (rows.var(0) + EPSILON).sqrt()).mean()


def _correlation(rows: Float[Tensor, "N width"]) -> Float[Tensor, ""]:
    """Sum of the squared covariances of different components over their number."""
    covariance = torch.cov(rows.T)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / rows.shape[1]


@torch.no_grad()
def silence(model: FieldTransformer) -> None:
    """Let untrained decoders predict no increments: a model that never learned any then says that nothing changes."""
    for decoder in model.decoders.values():
        with whole(decoder.parameters()):
            decoder.proj2.zero_()  # pyright: ignore[reportCallIssue]
            decoder.bias2.zero_()  # pyright: ignore[reportCallIssue]
