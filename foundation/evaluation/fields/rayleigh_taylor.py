"""The `fields mixing` verb: does a model let a Rayleigh-Taylor mixing layer grow as fast as the simulation did?"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from foundation.data.fields.record import Field
from foundation.evaluation.fields.forecaster import of_model, with_baselines
from foundation.evaluation.fields.mixing import (
    FEWEST,
    HEIGHTS,
    Layer,
    growth_rates,
    kinetic_energy,
    released_energy,
)
from foundation.evaluation.fields.roll import frames as cut
from foundation.evaluation.fields.roll import roll_out
from foundation.evaluation.fields.samples import whole_trajectories
from foundation.figures.canvas import SERIES, canvas, picture
from foundation.files import whole_file
from foundation.model.fields.pretrained import FieldModel
from foundation.progress import track


def mixing(
    model: Path,
    *,
    on: Path,
    out: Path,
    frames: int = 2,
    steps: int = 30,
    trajectories: int = 3,
    field: str = "buoyancy",
    axis: str = "y",
    acceleration: float | None = None,
    height: Literal["integral", "threshold"] = "integral",
    between: tuple[float, float] = (0.1, 0.7),
    seed: int | None = None,
) -> None:
    """Roll a field model out on Rayleigh-Taylor simulations and measure the growth of the mixing layer.

    Writes results.json and mixing.png: the height of the layer, the kinetic and the released potential energy, of the
    simulation, the model, persistence and linear extrapolation; and the growth rate α of h = α At g t² by three
    estimators, fitted while the layer fills between two shares of the box. The protocol is that of arXiv:2606.01470.

    Example:
        foundation fields mixing runs/rayleigh_taylor/export --on runs/simulations/rayleigh_taylor/data/test \
            --out runs/rayleigh_taylor/mixing

    Args:
        model: directory of an exported field model, a hub name, or a file of weights in Walrus's layout.
        on: files of The Well, or a directory of them.
        out: directory to write.
        frames: shown.
        steps: predicted.
        trajectories: of the files, evenly spaced.
        field: channel that tells the two fluids apart.
        axis: along which gravity points.
        acceleration: At g in units of the files; none = half the jump of `field`, which is then a buoyancy.
        height: 6 times the integral of f (1 - f) over the mean volume fraction f, or from 1 % to 99 % of it.
        between: shares of the box that the layer fills while α is fitted.
        seed: of the jitter; none = nothing is shifted.

    Raises:
        FoundationError: no such model, files, field or axis; trajectories that are too short.
    """
    network, layer = FieldModel.from_pretrained(model), Layer(field, axis, acceleration)
    samples = [cut(s, 0, frames + steps) for s in whole_trajectories(on, trajectories)]
    truth = [Growth.of(sample, layer, height, between) for sample in samples]  # refused before anything is predicted
    forecasters = with_baselines({"model": of_model(network, seed=seed)})
    results = []
    for sample, true in zip(track(samples, "rolling out", len(samples)), truth, strict=True):
        shown, grown = cut(sample, 0, frames).values, {"simulation": true}
        for name, forecaster in forecasters.items():
            predicted = roll_out(forecaster, sample, frames, steps).numpy()
            run = replace(sample, values=np.concatenate([shown, predicted]))
            grown[name] = Growth.of(run, layer, height, between)
        results.append(grown)
    settings = {"field": field, "axis": axis, "height": height, "between": between, "frames": frames, "steps": steps}
    _write(results, samples[0].time, settings, out)


@dataclass(frozen=True, eq=False)
class Growth:
    """How the layer of one run grew.

    Args:
        curves: quantity -> a number for each frame, from the first that was shown.
        alpha: by estimator; None where too few frames are in the range of the fit.
    """

    curves: dict[str, Float[np.ndarray, " time"]]
    alpha: dict[str, float] | None

    @classmethod
    def of(cls, run: Field, layer: Layer, height: str, between: tuple[float, float]) -> "Growth":
        """Measure a run; arguments as of `mixing`."""
        axis = layer.along(run)
        heights = HEIGHTS[height](layer.fraction(run), axis, float(run.spacing[axis]))
        share = heights / (run.spacing[axis] * run.space[axis])
        fitted = (share >= between[0]) & (share <= between[1])
        time, alpha = run.time - run.time[0], None
        if fitted.sum() >= FEWEST:
            alpha = growth_rates(heights[fitted], time[fitted], layer.driving(run))
        energies = {"kinetic energy": kinetic_energy(run), "released energy": released_energy(run, layer)}
        return cls({"height": heights, **energies}, alpha)

    def plain(self) -> dict[str, object]:
        """For JSON."""
        return {"curves": {name: values.tolist() for name, values in self.curves.items()}, "alpha": self.alpha}


def _write(
    results: Sequence[Mapping[str, Growth]], time: Float[np.ndarray, " time"], settings: Mapping[str, object], out: Path
) -> None:
    rates = {name: _median([r[name].alpha for r in results]) for name in results[0]}
    runs = [{name: growth.plain() for name, growth in r.items()} for r in results]
    content = {"settings": settings, "time": time.tolist(), "alpha": rates, "trajectories": runs}
    with whole_file(out / "results.json") as path:
        path.write_text(json.dumps(content, indent=1) + "\n")
    with whole_file(out / "mixing.png") as path:
        path.write_bytes(mixing_curves(time, results[0]))
    for name, alpha in rates.items():
        said = ", ".join(f"{value:.3g} ({how})" for how, value in alpha.items()) if alpha else "no layer to fit"
        print(f"{name}: alpha {said}", file=sys.stderr)
    print(f"written: {out}", file=sys.stderr)


def _median(rates: Sequence[dict[str, float] | None]) -> dict[str, float] | None:
    """Of the trajectories in which there was a layer to fit."""
    known = [r for r in rates if r is not None]
    return {how: float(np.median([r[how] for r in known])) for how in known[0]} if known else None


@picture
def mixing_curves(time: Float[np.ndarray, " time"], runs: Mapping[str, Growth]) -> Figure:
    """A panel for each quantity, a line for each run; the first run is the truth and sets the range.

    Args:
        time: of the frames.
        runs: by name.
    """
    true = next(iter(runs.values())).curves
    figure, axes = canvas(3.4 * len(true), 2.9, 1, len(true))
    for axis, (quantity, values) in zip(axes, true.items(), strict=True):
        for number, (name, growth) in enumerate(runs.items()):
            axis.plot(time, growth.curves[quantity], lw=1.2, color=SERIES[number - 1], label=name)
        axis.set(title=quantity, xlabel="time", ylim=(min(0.0, 1.2 * values.min()), 1.6 * values.max()))
    axes[0].legend(fontsize=7)
    return figure
