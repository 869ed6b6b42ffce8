"""roll: let forecasters continue simulations, one step ahead or many, and score them against what came."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from foundation.data.fields.record import Field
from foundation.errors import FoundationError
from foundation.evaluation.fields.forecaster import Forecaster, Future
from foundation.evaluation.fields.scores import Scores, score


def roll_out(forecaster: Forecaster, sample: Field, context: int, steps: int, start: int | None = None) -> Future:
    """Predict `steps` frames.

    Args:
        forecaster: who predicts.
        sample: a trajectory.
        context: frames that are shown.
        steps: frames to predict.
        start: the first frame to predict; None = the one after the first `context` frames.

    Raises:
        FoundationError: the trajectory is too short, or the forecaster returns something of another shape.
    """
    start = _start(sample, context, steps, start)
    predicted = forecaster(frames(sample, start - context, start), steps)
    if predicted.shape != (steps, *sample.values.shape[1:]):
        raise FoundationError(
            f"The forecaster returned {list(predicted.shape)}, wanted {[steps, *sample.values.shape[1:]]}: steps, all "
            "channels of the context, space."
        )
    return predicted


def compare(
    forecasters: Mapping[str, Forecaster], samples: Sequence[Field], context: int, steps: int, start: int | None = None
) -> dict[str, Scores]:
    """Scores of each forecaster on the same frames of trajectories of one data set; other arguments as `roll_out`."""
    return {name: _joined([_one(f, s, context, steps, start) for s in samples]) for name, f in forecasters.items()}


def one_step(forecasters: Mapping[str, Forecaster], samples: Sequence[Field], context: int) -> dict[str, Scores]:
    """Scores one step ahead, at every frame of every trajectory that has a context."""
    ends = [(s, end) for s in samples for end in range(context + 1, len(s.values) + 1)]
    return compare(forecasters, [frames(s, end - context - 1, end) for s, end in ends], context, 1)


def frames(sample: Field, first: int, last: int) -> Field:
    """The frames from `first` up to and without `last`."""
    return replace(sample, values=sample.values[first:last], time=sample.time[first:last])


def future(sample: Field, context: int, steps: int, start: int | None = None) -> Future:
    """What came: the true frames that `roll_out` is to predict."""
    start = _start(sample, context, steps, start)
    return torch.from_numpy(sample.values[start : start + steps])


def _one(forecaster: Forecaster, sample: Field, context: int, steps: int, start: int | None) -> Scores:
    predicted = roll_out(forecaster, sample, context, steps, start)
    valid = None if sample.valid is None else torch.from_numpy(sample.valid)[None]
    true = future(sample, context, steps, start)
    return score(predicted[None].double(), true[None].double(), sample.names, sample.constant, valid)


def _joined(scores: Sequence[Scores]) -> Scores:
    if not scores:
        raise FoundationError("No trajectory is long enough to score. Give longer ones, or show fewer frames.")
    if len({s.names for s in scores}) > 1:
        raise FoundationError(f"Fields {scores[0].names} and others differ. Score each data set by itself.")
    return Scores({m: torch.cat([s.values[m] for s in scores]) for m in scores[0].metrics}, scores[0].names)


def _start(sample: Field, context: int, steps: int, start: int | None) -> int:
    start = context if start is None else start
    if context < 1 or steps < 1 or start < context or start + steps > len(sample.values):
        raise FoundationError(
            f"Wanted {context} frames of context and {steps} steps from frame {start} of a trajectory of "
            f"{len(sample.values)} frames. Show fewer, predict fewer, or choose a start that leaves room for both."
        )
    return start
