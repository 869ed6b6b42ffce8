"""section: a data set in the report: a table of scores beside the baselines, errors over the horizon, frames."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from foundation.data.fields.record import Field
from foundation.evaluation.fields.forecaster import Forecaster
from foundation.evaluation.fields.pictures import errors_over_horizon, frames_compared
from foundation.evaluation.fields.roll import future, roll_out
from foundation.evaluation.fields.scores import SPECTRAL, Scores, median
from foundation.evaluation.report import Picture, Section, Table, Text

EXPLAINED = (
    "Each number is the mean over fields and steps, then the median over trajectories. VRMSE: root mean square error "
    "over the standard deviation of the true field in space, 1 = as bad as predicting its mean. Spectral errors are "
    "relative to the power of the truth in three bands of wavenumber. Correlation time: steps until the correlation "
    "with the truth falls below 0.8, at most the steps predicted. Failed: fraction of trajectories whose VRMSE reaches "
    "10. The best value of a column is shaded."
)
FRAMES_OF = 2  # fields whose frames are shown


def section(
    title: str,
    forecasters: Mapping[str, Forecaster],
    samples: Sequence[Field],
    context: int,
    steps: int,
    near: Mapping[str, Scores],
    far: Mapping[str, Scores],
    start: int | None = None,
) -> Section:
    """The scores of forecasters on trajectories of one data set, one step ahead and over a roll-out.

    Args:
        title: of the section.
        forecasters: name -> forecaster; `foundation.evaluation.fields.forecaster.with_baselines` adds what to beat.
        samples: trajectories.
        context: frames that are shown.
        steps: of the roll-out.
        near: `foundation.evaluation.fields.roll.one_step` of them.
        far: `foundation.evaluation.fields.roll.compare` of them.
        start: its first frame; None = as early as the context allows.
    """
    about = f"{len(samples)} trajectories, {context} frames shown, {steps} steps predicted."
    curves = list(_curves(title, far))
    shown = list(_frames(title, forecasters, samples[0], context, steps, start))
    return Section(
        title, [Text(about, faint=True), score_table(near, far), Text(EXPLAINED, faint=True), *curves, *shown]
    )


def score_table(near: Mapping[str, Scores], far: Mapping[str, Scores]) -> Table:
    """A row a forecaster: one step ahead, windows of the roll-out, bands, correlation time, failures.

    Args:
        near: scores one step ahead.
        far: scores over the roll-out.
    """
    steps = next(iter(far.values())).values["vrmse"].shape[1]
    columns = ["forecaster", "VRMSE, 1 step"]
    columns += [f"VRMSE, {first}:{last}" for first, last in windows(steps)]
    columns += [*SPECTRAL, "correlation time", "failed"]
    numbers = np.array([_numbers(near[source], far[source], steps) for source in far])
    best = [*np.argmin(numbers[:, :-2], axis=0), np.argmax(numbers[:, -2]), np.argmin(numbers[:, -1])]
    marked = frozenset((int(row), column + 1) for column, row in enumerate(best) if np.ptp(numbers[:, column]) > 0)
    rows = [[source, *(f"{n:.3g}" for n in some)] for source, some in zip(far, numbers, strict=True)]
    return Table(columns, rows, marked)


def windows(steps: int) -> list[tuple[int, int]]:
    """The windows of a roll-out that Walrus quotes, 1:20 and 20:60, as far as it goes."""
    return [(first, min(last, steps)) for first, last in ((1, 20), (20, 60)) if first < steps] or [(1, steps)]


def _numbers(near: Scores, far: Scores, steps: int) -> list[float]:
    errors = [far.over("vrmse", first, last) for first, last in windows(steps)]
    bands = [far.over(band, 1, steps) for band in SPECTRAL]
    kept = float(median(far.correlation_time().clamp_max(steps).mean(1)))
    return [near.over("vrmse", 1, 1), *errors, *bands, kept, far.failed]


def _curves(title: str, far: Mapping[str, Scores]) -> Iterator[Picture]:
    names, stem = next(iter(far.values())).names, title.replace(" ", "_")
    for metric in ("vrmse", "pearson"):
        curves = {source: s.curve(metric).numpy() for source, s in far.items()}
        caption = f"{metric} of each field against the number of steps ahead, median over trajectories."
        yield Picture(f"{stem}_{metric}", errors_over_horizon(metric, curves, names), caption)
    bands = {s: np.stack([far[s].curve(band).mean(1).numpy() for band in SPECTRAL], 1) for s in far}
    caption = "Error relative to the power of the truth in each band, mean over fields."
    yield Picture(f"{stem}_bands", errors_over_horizon("relative error", bands, SPECTRAL), caption)


def _frames(
    title: str, forecasters: Mapping[str, Forecaster], sample: Field, context: int, steps: int, start: int | None
) -> Iterator[Picture]:
    true = future(sample, context, steps, start).numpy()
    predicted = {s: roll_out(f, sample, context, steps, start).numpy() for s, f in forecasters.items()}
    moving = [i for i, still in enumerate(sample.constant) if not still]
    for i in moving[:FRAMES_OF]:
        png = frames_compared(sample.names[i], true[:, i], {s: p[:, i] for s, p in predicted.items()})
        caption = f"{sample.names[i]} of the first trajectory; the colours of differences end at half its range."
        yield Picture(f"{title.replace(' ', '_')}_{sample.names[i]}", png, caption)
