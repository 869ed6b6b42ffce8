"""steering: push a model's activations from one regime towards another, at named layers, while it runs.

    with collected(model, ["blocks.39"]) as vortex:      # run the model on every sample of the regime
        ...
    with collected(model, ["blocks.39"]) as laminar:
        ...
    with steered(model, difference(vortex, laminar), strength=0.3):
        ...                                              # any call of the model, a roll-out too

The procedure is that of arXiv:2511.20798: activations are standardised sample by sample and averaged, and the
difference of the two means is added at a fraction of the activation's own norm. Collect with nothing random, else the
places of a shifted grid are averaged into one another. A sample is whatever the first axis counts; for the rows of a
field model, time and batch, that is a frame.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from foundation.errors import FoundationError
from foundation.files import whole_file

Fit = Literal["none", "drop", "pad", "interpolate"]
EPSILON = 1e-12  # of norms and deviations, so that a layer of zeros stays one


@dataclass(frozen=True)
class Layout:
    """How the outputs of the layers are laid out; the first axis counts samples.

    Args:
        channel: axis of the channels.
        grid: where one axis of rows stands for all of space, the grid of these rows; None = axes are as they are.
    """

    channel: int = -1
    grid: tuple[int, ...] | None = None

    def unfold(self, output: Float[Tensor, "N *any"]) -> Float[Tensor, "N C *grid"]:
        """Channels first, then the grid.

        Raises:
            FoundationError: the rows are not those of the grid.
        """
        output = output.movedim(self.channel, 1)
        if self.grid is None:
            return output
        if output.shape[2:] != (torch.Size(self.grid).numel(),):
            raise FoundationError(
                f"A layer gave {list(output.shape[2:])} rows for the grid {self.grid}. Give its grid."
            )
        return output.unflatten(2, self.grid)

    def fold(self, values: Float[Tensor, "N C *grid"]) -> Float[Tensor, "N *any"]:
        """The inverse."""
        return (values if self.grid is None else values.flatten(2)).movedim(1, self.channel)


class Mean:
    """Mean of the standardised activations of each layer, over all samples that passed while it was collected."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.sums, self.counts = layout, {}, {}

    def add(self, layer: str, output: Tensor) -> None:
        """Take up the output of a layer.

        Raises:
            FoundationError: its grid is not that of the samples before.
        """
        values = self.layout.unfold(output.detach()).double()
        axes = tuple(range(1, values.ndim))
        centred = values - values.mean(axes, keepdim=True)
        total = (centred / (centred.square().mean(axes, keepdim=True).sqrt() + EPSILON)).sum(0)
        held = self.sums.get(layer)
        if held is not None and held.shape != total.shape:
            raise FoundationError(
                f"{layer} gave {list(total.shape)} after {list(held.shape)}. Collect a regime on one grid only."
            )
        self.sums[layer] = total if held is None else held + total
        self.counts[layer] = self.counts.get(layer, 0) + len(values)

    def of(self, layer: str) -> Float[Tensor, "C *grid"]:
        """The mean of one layer.

        Raises:
            FoundationError: the layer did not run.
        """
        if layer not in self.sums:
            raise FoundationError(f"Layer {layer} did not run while activations were collected. Run the model inside.")
        return self.sums[layer] / self.counts[layer]


@dataclass(frozen=True, eq=False)
class Direction:
    """Where to push the activations of each layer: layer -> float32 [C, *grid], of any norm."""

    values: Mapping[str, Tensor]

    def random_like(self, generator: torch.Generator) -> "Direction":
        """A control: random directions of the same shapes; injection gives all directions the same norm."""
        return Direction({n: torch.randn(v.shape, generator=generator) for n, v in self.values.items()})

    def save(self, path: Path | str) -> None:
        """Write a safetensors file."""
        with whole_file(path) as temporary:
            save_file({name: v.contiguous() for name, v in self.values.items()}, temporary)

    @classmethod
    def load(cls, path: Path | str) -> "Direction":
        """Read what `save` wrote.

        Raises:
            FoundationError: there is no such file, or it is none of safetensors.
        """
        try:
            return cls(load_file(path))
        except (OSError, SafetensorError) as error:
            raise FoundationError(f"{path}: not a stored direction ({error}). Give a file that was saved.") from error


def difference(to: Mean, away: Mean) -> Direction:
    """From the mean of one regime to that of another.

    Raises:
        FoundationError: other layers or grids, or no difference at all.
    """
    values = {}
    for layer in {**to.sums, **away.sums}:
        one, other = to.of(layer), away.of(layer)
        if one.shape != other.shape:
            raise FoundationError(f"{layer}: {list(one.shape)} and {list(other.shape)} differ. Collect on one grid.")
        values[layer] = (one - other).float()
        if not values[layer].any():
            raise FoundationError(f"{layer}: both regimes have the same mean. Collect samples that differ.")
    return Direction(values)


@contextmanager
def collected(model: nn.Module, layers: Sequence[str], layout: Layout | None = None) -> Iterator[Mean]:
    """Average the outputs of some layers over every call of the model inside.

    Raises:
        FoundationError: no layer of that name, or one whose output is not a tensor.
    """
    mean = Mean(layout or Layout())
    with _hooked(model, {name: _Collector(name, mean) for name in layers}):
        yield mean


@contextmanager
def steered(
    model: nn.Module,
    direction: Direction,
    strength: float,
    fit: Fit = "none",
    layout: Layout | None = None,
    keep_norm: bool = False,
) -> Iterator[None]:
    """Add `strength` times the direction to the layers' outputs, at the norm of each sample's own output.

    Args:
        model: whose layers.
        direction: what to add.
        strength: fraction of the output's norm; below 0 pushes the other way, beyond 1 is unstable.
        fit: how a direction meets another grid: "none" refuses; "drop" takes its mean over the grid, a direction of
            channels alone; "pad" cuts what is longer about its centre and fills what is shorter with zeros at the far
            end; "interpolate" resizes linearly.
        layout: of the outputs that are steered.
        keep_norm: scale the result back to the norm of the output.

    Raises:
        FoundationError: no layer of that name, an output that is not a tensor, or grids that do not fit.
    """
    layout = layout or Layout()
    hooks = {n: _Injector(n, v, strength, fit, layout, keep_norm) for n, v in direction.values.items()}
    with _hooked(model, hooks):
        yield


def fitted(direction: Float[Tensor, "C *from"], grid: Sequence[int], fit: Fit) -> Float[Tensor, "C *grid"]:
    """The direction on another grid; see `steered`.

    Raises:
        FoundationError: "none" with another grid, or a grid of another number of axes.
    """
    own = tuple(direction.shape[1:])
    if fit == "drop":
        return direction.flatten(1).mean(1).reshape(-1, *[1] * len(grid)) if own else direction
    if own == tuple(grid):
        return direction
    if fit == "none" or len(own) != len(grid):
        raise FoundationError(
            f"The direction has the grid {own}, the layer {tuple(grid)}. Use `fit` drop, or if both have as many axes "
            "pad or interpolate."
        )
    if fit == "interpolate":
        mode = ("linear", "bilinear", "trilinear")[len(own) - 1]
        return F.interpolate(direction[None], size=tuple(grid), mode=mode, align_corners=False)[0]
    for axis, (has, wants) in enumerate(zip(own, grid, strict=True), 1):
        direction = direction.narrow(axis, max(0, (has - wants) // 2), min(has, wants))
    missing = [pad for has, wants in zip(own, grid, strict=True) for pad in (max(0, wants - has), 0)]
    return F.pad(direction, missing[::-1])


@dataclass(frozen=True)
class _Collector:
    layer: str
    mean: Mean

    def __call__(self, module: nn.Module, arguments: object, output: object) -> None:
        self.mean.add(self.layer, _tensor(self.layer, output))


@dataclass(frozen=True)
class _Injector:
    layer: str
    direction: Tensor
    strength: float
    fit: Fit
    layout: Layout
    keep_norm: bool

    def __call__(self, module: nn.Module, arguments: object, output: object) -> Tensor:
        values = self.layout.unfold(_tensor(self.layer, output))
        direction = fitted(self.direction, values.shape[2:], self.fit).to(values).expand(values.shape[1:])
        length = _norm(values)
        pushed = values + self.strength * length / (direction.norm() + EPSILON) * direction
        return self.layout.fold(pushed * (length / (_norm(pushed) + EPSILON)) if self.keep_norm else pushed)


def _norm(values: Float[Tensor, "N C *grid"]) -> Float[Tensor, "N #C *#grid"]:
    return torch.linalg.vector_norm(values, dim=tuple(range(1, values.ndim)), keepdim=True)


def _tensor(layer: str, output: object) -> Tensor:
    if not isinstance(output, Tensor):
        raise FoundationError(f"{layer} gives a {type(output).__name__}, not a tensor. Name a layer inside it.")
    return output


@contextmanager
def _hooked(model: nn.Module, hooks: Mapping[str, _Collector | _Injector]) -> Iterator[None]:
    modules = dict(model.named_modules())
    if unknown := [name for name in hooks if name not in modules]:
        raise FoundationError(f"no layer {unknown[0]!r}; there are {', '.join(list(modules)[1:8])} and others inside.")
    with ExitStack() as stack:
        for name, hook in hooks.items():
            stack.callback(modules[name].register_forward_hook(hook).remove)
        yield
