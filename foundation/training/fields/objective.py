"""FieldObjective: what a field model is trained to do with a window."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from foundation.data.fields.batch import FieldBatch
from foundation.errors import FoundationError
from foundation.model.fields.network import FieldNetwork
from foundation.training.fields.latent import LatentConfig


@dataclass(frozen=True)
class FieldObjective:
    """By default next-increment prediction at every frame but the first, as Walrus (arXiv:2511.15684).

    Args:
        kind: "increments" of the points, or "latent": the encoder's own tokens of coming frames, which trains it for
            frozen features; the exported model then predicts no increments.
        latent: how, for the latter.
        push: share of the micro-batches whose last frame is the model's own prediction of it, so that it learns to
            stay on course when it reads what it wrote (the pushforward trick, arXiv:2202.03376). 0 = as Walrus.

    Raises:
        FoundationError: a share outside 0 to 1, or of a model that predicts no frames.
    """

    kind: Literal["increments", "latent"] = "increments"
    latent: LatentConfig = LatentConfig()  # noqa: RUF009 - frozen
    push: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.push <= 1:
            raise FoundationError(f"objective.push is {self.push}. Give a share of the micro-batches from 0 to 1.")
        if self.push and self.kind == "latent":
            raise FoundationError(
                "objective.push is of predicted frames, of which latent prediction has none. Set it 0."
            )


def increment_loss(
    model: FieldNetwork, batch: FieldBatch, generator: Generator | None = None, push: bool = False
) -> Float[Tensor, ""]:
    """Mean absolute error of the normalised increments of varying channels at valid points.

    The first frame is left out: it has nothing before it from which a tendency could be told.

    Args:
        push: whether to replace the last frame that is shown by the model's prediction of it, whose error the
            increment to predict then makes up for.
    """
    context = pushed(model, batch, generator) if push else batch.values[:, :-1]
    scales = model.scales(context)
    predicted = model(context, batch.names, batch.boundary, generator, scales)
    wanted = (batch.values[:, 1:] - context) / scales.increment
    error = (predicted - wanted).abs()[:, 1:, batch.varies]  # [B, T - 1, varying, H, W, D]
    valid = batch.valid[:, None, None].to(error.dtype)
    return (error * valid).sum() / valid.expand_as(error).sum()


@torch.no_grad()
def pushed(model: FieldNetwork, batch: FieldBatch, generator: Generator | None = None) -> Float[Tensor, "B T C H W D"]:
    """All frames of a window but the last, the newest of them as the model predicts it from those before."""
    shown, true = batch.values[:, :-2], batch.values[:, -2:-1]
    scales = model.scales(shown)
    predicted = model(shown, batch.names, batch.boundary, generator, scales)[:, -1:]
    moves = batch.varies.view(-1, 1, 1, 1) & batch.valid[:, None, None]
    return torch.cat([shown, torch.where(moves, scales.step(shown[:, -1:], predicted), true)], 1)
