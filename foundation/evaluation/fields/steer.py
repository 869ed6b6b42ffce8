"""The `fields steer` verb: push a model's activations from one regime towards another while it rolls out."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.data.fields.batch import FieldBatch
from foundation.data.fields.record import Field
from foundation.data.fields.windows import FieldWindows, evenly_spaced
from foundation.errors import FoundationError
from foundation.evaluation.fields.forecaster import of_model
from foundation.evaluation.fields.roll import roll_out
from foundation.evaluation.fields.video import write_video
from foundation.files import whole_file
from foundation.model.fields.boundary import grid_of
from foundation.model.fields.pretrained import FieldModel
from foundation.model.fields.strides import token_grid
from foundation.model.fields.transformer import FieldTransformer
from foundation.model.steering import Direction, Fit, Layout, Mean, collected, difference, steered
from foundation.progress import track

CONTROL_SEED = 0  # of the random direction


def steer(
    model: Path,
    *,
    toward: Path,
    away: Path,
    on: Path,
    out: Path,
    layers: Sequence[str] = (),
    strength: float = 0.3,
    fit: Fit = "none",
    windows: int = 16,
    frames: int = 6,
    steps: int = 20,
) -> None:
    """Steer a field model along the difference of two regimes and roll it out, beside a random direction and none.

    The direction is the difference of the mean standardised activations of windows of both regimes (arXiv:2511.20798).
    Writes direction.safetensors, a video of each varying field and results.json with the mean square of each field and
    of its gradient, step by step.

    Example:
        foundation fields steer runs/fields/export --toward turbulent.hdf5 --away laminar.hdf5 --on laminar.hdf5 \
            --out runs/fields/steered --strength 0.3

    Args:
        model: directory of an exported field model, a hub name, or a file of weights in Walrus's layout.
        toward: files of the regime to steer to, of The Well, or a directory of them.
        away: the same of the regime to steer from.
        on: the first trajectory of these files is continued.
        out: directory to write.
        layers: names of modules whose outputs are tokens; none = the last block.
        strength: of the push in units of the activations' own norm; 0.1 to 0.7 is usual, negative steers back.
        fit: what to do where `on` has another grid of tokens.
        windows: of each regime to average over, evenly spaced.
        frames: of a window and of the context.
        steps: of the roll-out.

    Raises:
        FoundationError: no such model, layer or files; grids that differ with fit "none"; too short a trajectory.
    """
    network = FieldModel.from_pretrained(model)
    chosen = tuple(layers) or (f"blocks.{network.config.depth - 1}",)
    means = [_mean(network, files, chosen, windows, frames) for files in (toward, away)]
    direction = difference(*means)
    direction.save(out / "direction.safetensors")
    sample = FieldWindows(on, frames + steps)[0]
    random = direction.random_like(torch.Generator().manual_seed(CONTROL_SEED))
    pushes: dict[str, Direction | None] = {"plain": None, "steered": direction, "random": random}
    rolled = {name: _rolled(network, push, strength, fit, sample, frames, steps) for name, push in pushes.items()}
    varying = [i for i, still in enumerate(sample.constant) if not still]
    for i in varying:
        shown = {name: predicted[:, i].numpy() for name, predicted in rolled.items()}
        write_video(out / f"{sample.names[i]}.gif", sample.names[i], sample.values[frames:, i], shown)
    results = {name: {sample.names[i]: _readings(p[:, i]) for i in varying} for name, p in rolled.items()}
    with whole_file(out / "results.json") as path:
        path.write_text(json.dumps({"strength": strength, "layers": chosen, "rolled out": results}, indent=1) + "\n")
    print(f"written: {out}", file=sys.stderr)


@torch.no_grad()
def _mean(model: FieldTransformer, files: Path, layers: Sequence[str], windows: int, frames: int) -> Mean:
    """Activations of a regime, without jitter, which would blur them."""
    found = FieldWindows(files, frames)
    places = evenly_spaced(len(found), windows)
    batches = [FieldBatch.of([found[i]], "") for i in track(places, f"reading {files}", len(places))]
    with collected(model, layers, Layout(grid=_grid(model, batches[0]))) as mean:
        for batch in batches:
            model(batch.values, batch.names, batch.boundary)
    return mean


def _grid(model: FieldTransformer, batch: FieldBatch) -> tuple[int, int, int]:
    return token_grid(grid_of(batch.values.shape[3:], batch.boundary, model.config))


def _rolled(
    model: FieldTransformer,
    direction: Direction | None,
    strength: float,
    fit: Fit,
    sample: Field,
    frames: int,
    steps: int,
) -> Float[Tensor, "steps field *space"]:
    """What the model makes of the first frames, pushed along the direction if there is one."""
    if direction is None:
        return roll_out(of_model(model), sample, frames, steps)
    layout = Layout(grid=_grid(model, FieldBatch.of([sample], "")))
    with steered(model, direction, strength, fit, layout):
        return roll_out(of_model(model), sample, frames, steps)


def _readings(frames: Float[Tensor, "steps *space"]) -> dict[str, list[float]]:
    """Mean square of a field and of its gradient in units of the grid, at each step."""
    if not frames.isfinite().all():
        raise FoundationError("The steered roll-out is not finite. Give a smaller `--strength`.")
    axes = tuple(range(1, frames.ndim))
    slopes = torch.stack(torch.gradient(frames.double(), dim=axes))
    return {
        "mean square": frames.double().square().mean(axes).tolist(),
        "gradient": slopes.square().sum(0).mean(axes).tolist(),
    }
