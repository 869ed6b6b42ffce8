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
from jaxtyping import Float, Int
from torch import Generator, Tensor

from foundation.errors import FoundationError
from foundation.model.fields.check import check_finite
from foundation.model.fields.normalise import Scales
from foundation.model.fields.time_layer import Past
from foundation.model.fields.transformer import FieldTransformer, Setting


@dataclass(frozen=True, eq=False)
class _Member:
    """One jitter draw of an ensemble, with what its time layers remember."""

    setting: Setting
    past: list[Past] | None = None


@torch.no_grad()
def rollout(
    model: FieldTransformer,
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
        boundary: as in `FieldTransformer.forward`.
        steps: frames to predict.
        generator: of the jitter; None = nothing is shifted.
        ensemble: jitter draws whose increments are averaged at every step.
        constant: names of fields that do not change; their predictions are left out.
        memory: see the head of this file.
        reach: frames that a time layer sees with the cache, the newest included; None = all.
        scales: kept throughout; None = of each window, or of the context with the cache.

    Raises:
        FoundationError: as `FieldTransformer.forward`, or senseless numbers, or an unknown constant field.
    """
    _check(steps, ensemble, constant, names, memory, reach, generator)
    check_finite(values, names)
    first = model.setting(values, names, boundary, generator)
    kept = torch.tensor([n in constant for n in names], device=values.device).view(-1, 1, 1, 1)
    context, seen, before = values, values.shape[1], None
    fixed = model.scales(values) if scales is None and memory == "cache" else scales
    members = [first, *(model.redraw(first, len(values), generator) for _ in range(ensemble - 1))]
    remembered = [_Member(s, _empty(model, reach) if memory == "cache" else None) for s in members]
    frames = []
    for _ in range(steps):
        of_now = model.scales(context) if fixed is None else fixed
        view, last = model.view(context, of_now, before), context[:, -1:]
        predicted = torch.stack([_newest(model, view, m) for m in remembered]).mean(0)
        if model.config.extrapolate:
            predicted = predicted + of_now.tendency(context, before)[:, -1:]
        frames.append(torch.where(kept, last, of_now.step(last, predicted)))
        if memory == "cache":
            context, before = frames[-1], last
        else:
            context = torch.cat([context, frames[-1]], 1)[:, -seen:]
            remembered = [_Member(model.redraw(first, len(values), generator)) for _ in range(ensemble)]
    return torch.cat(frames, 1)


def _newest(
    model: FieldTransformer, view: Float[Tensor, "B T channels H W D"], member: _Member
) -> Float[Tensor, "B 1 C H W D"]:
    """The increment at the last of the frames that are shown."""
    batch, frames = view.shape[:2]
    tokens = model.mix(model.embed(view, member.setting), frames, member.setting, member.past)
    return model.read(tokens[-batch:], batch, member.setting)


def _empty(model: FieldTransformer, reach: int | None) -> list[Past]:
    return [Past(reach) for _ in model.blocks]


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
