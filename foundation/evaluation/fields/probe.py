"""The `fields probe` verb: what frozen encoders know of the parameters of simulations, as a report."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from foundation.evaluation.against import others
from foundation.evaluation.fields.clips import SPLITS, Clips
from foundation.evaluation.fields.descriptions import features, of_encoder, random_twin, statistics
from foundation.evaluation.fields.parameters import parameters_of
from foundation.evaluation.fields.probe_section import probe_section
from foundation.evaluation.fields.regress import MEAN, Regression, regress
from foundation.evaluation.report import Report
from foundation.evaluation.written import write_all
from foundation.model.fields.pretrained import FieldModel
from foundation.model.fields.transformer import FieldTransformer

TAKEN = ("encoder", "random encoder", "raw input", MEAN)


def probe(
    model: Path,
    *,
    sets: dict[str, Path],
    out: Path,
    against: dict[str, Path] | None = None,
    parameters: Sequence[str] = (),
    log: list[str] | None = None,
    frames: tuple[int, int] = (6, 3),
    windows: int = 4,
    block: int | None = None,
    budgets: tuple[float, ...] = (0.1, 0.5, 1.0),
    seed: int = 0,
) -> None:
    """Regress parameters of simulations, such as a Reynolds number, from the frozen tokens of a field model.

    Probes are ridge regression on the mean token and an attentive probe on all of them. They learn from the training
    trajectories, choose settings on the validation and are scored on the test trajectories. Beside the encoder stand
    one of random weights, statistics of the fields themselves, and the mean of the labels, which scores about 1.
    Writes results.json, report.html and its pictures. After arXiv:2603.13227.

    Example:
        foundation simulate fields shear_flow --vary --trajectories 200 --out runs/varied
        foundation fields probe runs/fields/export --sets '{shear_flow: runs/varied/shear_flow}' --out runs/probed

    Args:
        model: directory of an exported transformer, a hub name, or a file of weights in Walrus's layout.
        sets: name -> directory with train, valid and test in The Well's layout; trajectories differ in parameters.
        out: directory to write.
        against: name -> other transformers, probed beside it.
        parameters: names of the scalars to tell; none = all that vary.
        log: scalars whose logarithm is told; by default those that span more than a decade.
        frames: of a window on 1 or 2 axes of space, and on 3.
        windows: of each trajectory, evenly spaced.
        block: after which tokens are taken, counted from 1; by default the last.
        budgets: shares of the training trajectories whose labels are used.
        seed: of the random encoder, the choice of labels and the attentive probe.

    Raises:
        FoundationError: no such model, files or parameter, or a trajectory in two splits.
    """
    models: dict[str, FieldTransformer] = {"encoder": FieldModel.from_pretrained(model)}
    models |= {name: FieldModel.from_pretrained(path) for name, path in others(against, TAKEN).items()}
    models["random encoder"] = random_twin(models["encoder"], seed)
    sources = {name: of_encoder(network, block) for name, network in models.items()} | {"raw input": statistics}
    results, sections = {}, []
    for name, directory in sets.items():
        clips = Clips.of(directory, frames, windows)
        asked = parameters_of([clips.scalars[i] for i in clips.members("train")], parameters, log)
        seen = {
            source: features(describe, clips, len(clips), f"{name}, {source}") for source, describe in sources.items()
        }
        found = regress(seen, clips, asked, budgets, seed)
        results[name] = _numbers(clips, found)
        sections.append(probe_section(name, clips, found))
        print(f"{name}: {_said(found)}", file=sys.stderr)
    write_all(Report("Parameters of simulations, told by frozen features", sections, str(model)), results, out)


def _numbers(clips: Clips, found: Sequence[Regression]) -> dict[str, object]:
    counts = {split: len(clips.members(split)) for split in SPLITS}
    return {"trajectories": counts, "windows of each": clips.each, "rows": [_row(r) for r in found]}


def _row(r: Regression) -> dict[str, object]:
    about = {"source": r.source, "probe": r.probe, "parameter": r.parameter.label, "budget": r.budget}
    return about | {"trained": r.trained, "mse": asdict(r.error)}


def _said(found: Sequence[Regression]) -> str:
    """The best of the encoder with all its labels, for each parameter."""
    most = max(r.budget for r in found)
    best: dict[str, float] = {}
    for r in found:
        if r.source == "encoder" and r.budget == most:
            best[r.parameter.label] = min(r.error.value, best.get(r.parameter.label, r.error.value))
    return ", ".join(f"{label} {value:.3g}" for label, value in best.items()) + " (MSE, 1 = the mean)"
