"""Roll-out: predict a frame, take it for seen, and so on.

With `memory="window"` every step reads the last frames anew, as Walrus does: scales, jitter and all features are those
of the window. With `memory="cache"` a step computes the newest frame alone, and time layers remember keys and values of
those before. Time is causal and space layers see one frame at a time, so this is exactly what reading everything since
the first frame again would give, provided that nothing already remembered changes. Hence

- scales and draws are made once, from the context given, and kept;
- no frame is ever dropped. With `reach`, a time layer sees its last `reach` frames only; what a remembered frame has
  itself seen stays in it, which is what a model trained with such a band computes, not what a window of `reach` frames
  read anew would give.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from foundation.errors import FoundationError
from foundation.model.fields.check import check_finite
from foundation.model.fields.network import FieldNetwork
from foundation.model.fields.normalise import Scales
from foundation.model.fields.time_layer import Past
from foundation.model.fields.transformer import FieldTransformer, Setting


@dataclass(frozen=True, eq=False)
class _Member:
    """One jitter draw of an ensemble, with what its time layers remember."""

    setting: Setting
    past: list[Past]


@torch.no_grad()
def rollout(
    model: FieldNetwork,
    values: Float[Tensor, "B T C *space"],
    names: Sequence[str],
    boundary: Int[Tensor, "*sides"],
    steps: int,
    generator: Generator | None = None,
    ensemble: int = 1,
    constant: Sequence[str] = (),
    memory: Literal["window", "cache"] = "window",
    reach: int | None = None,
    scales: Scales | None = None,
) -> Float[Tensor, "B steps C *space"]:
    """The frames that follow a context, in its units.

    Args:
        model: in evaluation mode.
        values: [B, T, C, H, W, D], the context; the window is as long.
        names: of the fields.
        boundary: as in `FieldNetwork.forward`.
        steps: frames to predict.
        generator: of the jitter; None = nothing is shifted.
        ensemble: jitter draws whose increments are averaged at every step.
        constant: names of fields that do not change; their predictions are left out.
        memory: see the head of this file.
        reach: frames that a time layer sees with the cache, the newest included; None = all.
        scales: kept throughout; None = of each window, or of the context with the cache.

    Raises:
        FoundationError: as the model's `forward`, or senseless numbers, an unknown constant field, or a cache for
            a model that has none.
    """
    _check(steps, ensemble, constant, names, memory, reach, generator)
    check_finite(values, names)
    first = model.setting(values, names, boundary, generator)
    members = [first, *(model.redraw(first, len(values), generator) for _ in range(ensemble - 1))]
    kept = torch.tensor([n in constant for n in names], device=values.device).view(-1, 1, 1, 1)
    if memory == "window":
        return _windowed(model, values, members, steps, kept, generator, scales)
    if not isinstance(model, FieldTransformer):
        raise FoundationError(f"roll-out: {type(model).__name__} has no time cache. Give memory 'window'.")
    remembered = [_Member(setting, [Past(reach) for _ in model.blocks]) for setting in members]
    return _cached(model, values, remembered, steps, kept, scales)


def _windowed(
    model: FieldNetwork,
    context: Float[Tensor, "B T C H W D"],
    settings: Sequence[object],
    steps: int,
    kept: Bool[Tensor, "C 1 1 1"],
    generator: Generator | None,
    scales: Scales | None,
) -> Float[Tensor, "B steps C H W D"]:
    """Every step reads the last frames anew, with another draw of each member."""
    frames = []
    for _ in range(steps):
        of_now = model.scales(context) if scales is None else scales
        increment = torch.stack([model.newest(context, of_now, setting) for setting in settings]).mean(0)
        frames.append(_next(context[:, -1:], increment, of_now, kept))
        context = torch.cat([context[:, 1:], frames[-1]], 1)
        settings = [model.redraw(setting, len(context), generator) for setting in settings]
    return torch.cat(frames, 1)


def _cached(
    model: FieldTransformer,
    context: Float[Tensor, "B T C H W D"],
    members: Sequence[_Member],
    steps: int,
    kept: Bool[Tensor, "C 1 1 1"],
    scales: Scales | None,
) -> Float[Tensor, "B steps C H W D"]:
    """Every step but the first reads the newest frame alone."""
    frames, before = [], None
    scales = model.scales(context) if scales is None else scales
    for _ in range(steps):
        view, last = model.view(context, scales, before), context[:, -1:]
        increment = torch.stack([_newest(model, view, member) for member in members]).mean(0)
        increment = model.carried_on(increment, context, scales, before)
        frames.append(_next(last, increment, scales, kept))
        context, before = frames[-1], last
    return torch.cat(frames, 1)


def _newest(
    model: FieldTransformer, view: Float[Tensor, "B T channels H W D"], member: _Member
) -> Float[Tensor, "B 1 C H W D"]:
    """The increment at the last of the frames that are shown, which the member remembers."""
    batch, frames = view.shape[:2]
    tokens = model.mix(model.embed(view, member.setting), frames, member.setting, member.past)
    return model.read(tokens[-batch:], batch, member.setting)


def _next(
    last: Float[Tensor, "B 1 C H W D"],
    increment: Float[Tensor, "B 1 C H W D"],
    scales: Scales,
    kept: Bool[Tensor, "C 1 1 1"],
) -> Float[Tensor, "B 1 C H W D"]:
    return torch.where(kept, last, scales.step(last, increment))


def _check(
    steps: int,
    ensemble: int,
    constant: Sequence[str],
    names: Sequence[str],
    memory: str,
    reach: int | None,
    generator: Generator | None,
) -> None:
    if steps < 1 or ensemble < 1 or (reach is not None and reach < 1):
        raise FoundationError(f"roll-out: {steps} steps, ensemble {ensemble}, reach {reach}. Give at least 1 of each.")
    if unknown := [n for n in constant if n not in names]:
        raise FoundationError(f"roll-out: constant {', '.join(unknown)} is not among {', '.join(names)}.")
    if memory not in ("window", "cache") or (reach is not None and memory == "window"):
        raise FoundationError(
            f"roll-out: memory {memory!r} with reach {reach}. Give 'window' without a reach, or 'cache'."
        )
    if ensemble > 1 and generator is None:
        raise FoundationError(f"roll-out: {ensemble} equal members. Give a generator, so that their jitter differs.")
