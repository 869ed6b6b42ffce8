"""forecaster: whoever continues a simulation: a trained model, or what it must beat."""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.data.fields.batch import FieldBatch
from foundation.data.fields.record import Field
from foundation.evaluation.fields.baselines import BASELINES, Predictor
from foundation.model.fields.network import FieldNetwork
from foundation.model.fields.rollout import rollout

Forecaster = Callable[[Field, int], Tensor]  # (context, steps) -> [steps, field, *space], all channels of the context
Future = Float[Tensor, "steps field *space"]


def of_model(
    model: FieldNetwork,
    memory: Literal["window", "cache"] = "window",
    seed: int | None = None,
    ensemble: int = 1,
) -> Forecaster:
    """A model that rolls out; constant fields stay as they are.

    Args:
        model: in evaluation mode.
        memory: whether each step reads its window anew, or remembers what time layers saw.
        seed: of the jitter, the same for every context; None = nothing is shifted.
        ensemble: jitter draws averaged in every step.
    """

    def forecast(context: Field, steps: int) -> Future:
        shown = FieldBatch.of([context], "")
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        still = [name for name, fixed in zip(context.names, context.constant, strict=True) if fixed]
        found = rollout(model, shown.values, shown.names, shown.boundary, steps, generator, ensemble, still, memory)
        return found[0].reshape(steps, len(context.names), *context.space)

    return forecast


def of_values(predictor: Predictor) -> Forecaster:
    """A forecaster that looks at nothing but the values."""

    def forecast(context: Field, steps: int) -> Future:
        return predictor(torch.from_numpy(context.values)[None], steps)[0]

    return forecast


def with_baselines(forecasters: Mapping[str, Forecaster]) -> dict[str, Forecaster]:
    """These, then persistence and linear extrapolation."""
    return dict(forecasters) | {name: of_values(baseline) for name, baseline in BASELINES.items()}
