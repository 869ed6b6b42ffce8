"""The `fields evaluate` verb: a field model beside what it must beat, one step ahead and rolled out, as a report."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from foundation.data.fields.record import Field
from foundation.evaluation.against import others
from foundation.evaluation.fields.baselines import BASELINES
from foundation.evaluation.fields.forecaster import Forecaster, of_model, with_baselines
from foundation.evaluation.fields.roll import compare, one_step
from foundation.evaluation.fields.samples import whole_trajectories
from foundation.evaluation.fields.scores import Scores
from foundation.evaluation.fields.section import section, windows
from foundation.evaluation.report import Report, Section
from foundation.evaluation.written import write_all
from foundation.model.fields.stored_unet import load_network
from foundation.progress import track

SOLID = 3  # axes
TAKEN = ("model", "model, no jitter", *BASELINES)


def evaluate(
    model: Path,
    *,
    sets: dict[str, Path],
    out: Path,
    against: dict[str, Path] | None = None,
    frames: tuple[int, int] = (6, 3),
    steps: int = 20,
    trajectories: int = 4,
    ensemble: int = 1,
    seed: int = 0,
) -> None:
    """Score a field model on data sets in The Well's layout, with and without jitter, beside simple forecasts.

    Writes results.json, report.html and the pictures of the report. The baselines are persistence (nothing changes)
    and linear extrapolation of the last increment; `--against` adds other models, such as a U-Net trained alike.

    Example:
        foundation fields evaluate runs/fields/export --sets '{shear_flow: runs/simulations/shear_flow/data/test}' \
            --against '{unet: runs/unet/export}' --out runs/fields/evaluation

    Args:
        model: directory of an exported field model, a hub name, or a file of weights in Walrus's layout.
        sets: name -> files of The Well, or a directory of them.
        out: directory to write.
        against: name -> other models, scored beside it in the same way.
        frames: shown on 1 or 2 axes of space, and on 3.
        steps: of the roll-out; fewer where trajectories are shorter.
        trajectories: of each set, evenly spaced.
        ensemble: jitter draws averaged in every step.
        seed: of the jitter.

    Raises:
        FoundationError: no such model or files, or fields that the model does not know.
    """
    networks = {"model": load_network(model)} | {
        name: load_network(path) for name, path in others(against, TAKEN).items()
    }
    models = {name: of_model(network, seed=seed, ensemble=ensemble) for name, network in networks.items()}
    forecasters = with_baselines({"model": models["model"], "model, no jitter": of_model(networks["model"])} | models)
    results, sections = {}, []
    for name, files in track(sets.items(), "evaluating", len(sets)):
        samples = whole_trajectories(files, trajectories)
        context = frames[len(samples[0].space) == SOLID]
        ahead = min(steps, min(len(s.values) for s in samples) - context)
        results[name], made = _scored(name, forecasters, samples, context, ahead)
        sections.append(made)
    write_all(
        Report("Simulations, predicted", sections, f"{model}, {len(networks['model'].names)} fields"), results, out
    )


def _scored(
    name: str, forecasters: Mapping[str, Forecaster], samples: Sequence[Field], context: int, steps: int
) -> tuple[dict[str, object], Section]:
    near, far = one_step(forecasters, samples, context), compare(forecasters, samples, context, steps)
    numbers = {source: _numbers(near[source], far[source], steps) for source in forecasters}
    beaten = [s for s in numbers if s in BASELINES and numbers["model"]["1"] < numbers[s]["1"]]
    said = f"{name}: VRMSE one step ahead " + ", ".join(f"{n['1']:.3g} ({s})" for s, n in numbers.items())
    print(f"{said}; better than {' and '.join(beaten) or 'neither baseline'}", file=sys.stderr)
    result = {"context": context, "steps": steps, "trajectories": len(samples), "vrmse": numbers}
    return result, section(name, forecasters, samples, context, steps, near, far)


def _numbers(near: Scores, far: Scores, steps: int) -> dict[str, float]:
    """VRMSE one step ahead and over windows of the roll-out, and the largest value that it reached."""
    numbers = {"1": near.over("vrmse", 1, 1)} | {
        f"{first}:{last}": far.over("vrmse", first, last) for first, last in windows(steps)
    }
    return numbers | {"worst": float(far.values["vrmse"].max())}
