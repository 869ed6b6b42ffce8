"""errors: how far predicted fields are from the true ones, one number per sample, frame and field.

Definitions are those of The Well (Ohana et al. 2024, arXiv:2412.00568), with points outside a mask left out
of every mean, variance and maximum. All take predicted and true values [batch, time, field, *space] and the mask of
points that count, bool [batch or 1, *space] or None. A prediction that is no number where it counts scores none.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

EPSILON = 1e-7  # added to a squared norm before dividing, as The Well does: a field of zeros scores error / sqrt(1e-7)

Values = Float[Tensor, "batch time field *space"]
Valid = Bool[Tensor, "#batch *space"] | None
Score = Float[Tensor, "batch time field"]


def mse(predicted: Values, true: Values, valid: Valid = None) -> Score:
    """Mean square error, in the unit of the field squared."""
    return _mean((predicted - true) ** 2, valid)


def mae(predicted: Values, true: Values, valid: Valid = None) -> Score:
    """Mean absolute error, in the unit of the field."""
    return _mean((predicted - true).abs(), valid)


def rmse(predicted: Values, true: Values, valid: Valid = None) -> Score:
    """Root of the mean square error."""
    return mse(predicted, true, valid).sqrt()


def largest(predicted: Values, true: Values, valid: Valid = None) -> Score:
    """Largest absolute error (L-infinity)."""
    error = (predicted - true).abs()
    return (error if valid is None else torch.where(valid[:, None, None], error, 0.0)).flatten(3).amax(-1)


def nrmse(predicted: Values, true: Values, valid: Valid = None) -> Score:
    """Root of the mean square error over the mean square of the true field."""
    return (mse(predicted, true, valid) / (_mean(true**2, valid) + EPSILON)).sqrt()


def vrmse(predicted: Values, true: Values, valid: Valid = None) -> Score:
    """Root of the mean square error over the variance of the true field in space; predicting its mean scores 1."""
    return (mse(predicted, true, valid) / (variance(true, valid) + EPSILON)).sqrt()


def pearson(predicted: Values, true: Values, valid: Valid = None) -> Score:
    """Correlation over space, 1 for equal fields.

    The Well divides a covariance over n by deviations over n - 1, so its number is (n - 1) / n of this one.
    """
    p, t = (_centred(v, valid) for v in (predicted, true))
    return _mean(p * t, valid) / (_mean(p**2, valid) * _mean(t**2, valid)).sqrt().clamp_min(EPSILON)


def variance(values: Values, valid: Valid = None) -> Score:
    """Variance over the points of space that count, over n - 1."""
    n = values[0, 0, 0].numel() if valid is None else valid.flatten(1).sum(1)[:, None, None]
    return _mean(_centred(values, valid) ** 2, valid) * n / (n - 1)


ERRORS: dict[str, Callable[[Tensor, Tensor, Tensor | None], Tensor]] = {
    "vrmse": vrmse,
    "nrmse": nrmse,
    "rmse": rmse,
    "mse": mse,
    "mae": mae,
    "largest": largest,
    "pearson": pearson,
}


def _mean(values: Values, valid: Valid) -> Score:
    if valid is None:
        return values.flatten(3).mean(-1)
    total = torch.where(valid[:, None, None], values, 0.0).flatten(3).sum(-1)
    return total / valid.flatten(1).sum(1)[:, None, None]


def _centred(values: Values, valid: Valid) -> Values:
    mean = _mean(values, valid)
    return values - mean.reshape(*mean.shape, *[1] * (values.ndim - 3))
