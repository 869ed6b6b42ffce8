"""scores: the errors of a roll-out per sample, horizon and field, and the few numbers that are quoted of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.errors import FoundationError
from foundation.evaluation.fields.errors import ERRORS, Valid
from foundation.evaluation.fields.spectrum import BANDS, spectral_nmse

SPECTRAL = tuple(f"spectral {band}" for band in BANDS)
THRESHOLD = 0.8  # of the correlation, below which a roll-out has lost its way
FAILED = 10.0  # VRMSE at and above which The Well calls a roll-out failed


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one predictor on some samples of a data set.

    Args:
        values: metric -> [sample, horizon, field]; horizon h is h + 1 steps ahead.
        names: of the fields.
    """

    values: dict[str, Tensor]
    names: tuple[str, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return tuple(self.values)

    def curve(self, metric: str) -> Float[Tensor, "horizon field"]:
        """Median over the samples."""
        return median(self.values[metric])

    def over(self, metric: str, first: int, last: int, across: Literal["median", "mean"] = "median") -> float:
        """One number: mean over fields, mean over the steps `first` to `last`, then median (Walrus) or mean (The Well)
        over the samples.

        Raises:
            FoundationError: the roll-out has no such steps.
        """
        horizon = self.values[metric].shape[1]
        if not 1 <= first <= last <= horizon:
            raise FoundationError(f"Wanted steps {first} to {last} of a roll-out of {horizon}. Roll out further.")
        each = self.values[metric][:, first - 1 : last].mean((1, 2))
        return float(median(each) if across == "median" else each.mean())

    def correlation_time(self, threshold: float = THRESHOLD) -> Float[Tensor, "sample field"]:
        """Steps until the correlation with the truth first falls below `threshold`; infinite if it never does."""
        lost = ~(self.values["pearson"] >= threshold)  # not-a-number is lost
        first = lost.int().argmax(1) + 1.0
        return torch.where(lost.any(1), first, torch.inf)

    @property
    def failed(self) -> float:
        """Fraction of samples whose VRMSE reaches 10 or is no number at some step."""
        worst = self.values["vrmse"].mean(2)
        return float((~(worst < FAILED)).any(1).float().mean())


def score(
    predicted: Float[Tensor, "sample horizon field *space"],
    true: Float[Tensor, "sample horizon field *space"],
    names: Sequence[str],
    constant: Sequence[bool] | None = None,
    valid: Valid = None,
) -> Scores:
    """All metrics of the fields that vary in time.

    Args:
        predicted: frames after the context.
        true: the same.
        names: of the fields.
        constant: True for fields that do not vary, which are left out; None = none of them.
        valid: points that count, bool [sample or 1, *space].

    Raises:
        FoundationError: shapes that differ, names that do not fit, true values that are not finite, no varying field.
    """
    kept = [i for i, still in enumerate(constant or [False] * len(names)) if not still]
    _check(predicted, true, names, kept, valid)
    predicted, true = predicted[:, :, kept], true[:, :, kept]
    values = {name: metric(predicted, true, valid) for name, metric in ERRORS.items()}
    values |= dict(zip(SPECTRAL, spectral_nmse(predicted, true, valid).unbind(-1), strict=True))
    return Scores(values, tuple(names[i] for i in kept))


def median(values: Float[Tensor, "samples *rest"]) -> Float[Tensor, "*rest"]:
    """Over the first axis, the mean of the middle two if they are even in number; not-a-number counts as infinite."""
    ordered = torch.where(values.isnan(), torch.inf, values).sort(0).values
    low, high = (len(values) - 1) // 2, len(values) // 2
    return ordered[low] if low == high else (ordered[low] + ordered[high]) / 2


def _check(predicted: Tensor, true: Tensor, names: Sequence[str], kept: Sequence[int], valid: Valid) -> None:
    if predicted.shape != true.shape or true.shape[2] != len(names):
        raise FoundationError(
            f"Predicted {list(predicted.shape)}, true {list(true.shape)} and {len(names)} names do not fit. Give both "
            "as [sample, horizon, field, *space] with a name per field."
        )
    if not kept:
        raise FoundationError(f"All of {', '.join(names)} are constant in time. Score fields that vary.")
    counted = true if valid is None else torch.where(valid[:, None, None], true, 0.0)
    if not counted.isfinite().all():
        raise FoundationError("True values are not finite. Give `valid`, False at the points that do not count.")
