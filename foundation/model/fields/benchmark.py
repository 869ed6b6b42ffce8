"""Field models against an ordinary reading of Walrus (the slow one of the tests), and roll-outs with and without cache.

The other side is plain PyTorch that follows the released layout: the same convolutions, matrix products and fused
attention, as fast as the published code was measured to be.
"""

from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor

from foundation.bench import Row, bytes_compared, side_by_side, slow_reading
from foundation.interop.walrus import to_released
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.rollout import rollout
from foundation.model.fields.transformer import FieldTransformer

NAMES = ("density", "pressure", "velocity_x", "velocity_y")
SIZE = FieldModelConfig(width=192, depth=6, heads=4, hidden=384, inner=48, frequencies=8, tokens=(32, 32, 8))
CASES = {"2D 128^2 x 6 frames": ((128, 128, 1), 6, 0), "3D 32^3 x 3 frames": ((32, 32, 32), 3, 2)}  # last: boundary
STEPS = 24


def fields_vs_ordinary() -> list[Row]:
    """Frames per second without and with gradients, bytes at the peak of training, and frames of a roll-out."""
    slow = slow_reading("model/fields/slow_walrus.py")
    rows = [row for name, case in CASES.items() for row in _compare(name, *case, slow)]
    return [*rows, _rollouts()]


def _compare(name: str, space: tuple[int, int, int], frames: int, boundary: int, slow: ModuleType) -> list[Row]:
    model, values = _model(), _values(space, frames)
    codes = torch.full((3, 2), boundary)
    strides = [axis.stride for axis in model.setting(values, NAMES, codes).grid]
    weights = {n: t.detach().clone() for n, t in to_released(model.state_dict(), model.config).items()}
    for n, tensor in weights.items():
        tensor.requires_grad_("freqs" not in n and n != "encoder_dummy")  # the latter would only slow it down
    columns, turned = [3 + i for i in range(len(NAMES))], values.transpose(0, 1)

    def usual() -> Tensor:
        return slow.slow_walrus(weights, turned, columns, codes.tolist(), strides)

    def ours() -> Tensor:
        return model(values, NAMES, codes)

    pair = _forward(usual), _forward(ours)
    trained = _trained(usual), _trained(ours)
    return [
        side_by_side(f"{name}, forward", *pair, frames, "frames/s", turns=3),
        side_by_side(f"{name}, forward and backward", *trained, frames, "frames/s", turns=2),
        bytes_compared(f"{name}, training memory", *trained),
    ]


def _rollouts() -> Row:
    """Both see six frames; the cache reads the first six too, which fewer steps would not outweigh."""
    model, values, codes = _model(), _values((128, 128, 1), 6), torch.full((3, 2), 2)
    return side_by_side(
        f"roll-out of {STEPS} frames from 6 of 128^2, time cache",
        lambda: rollout(model, values, NAMES, codes, STEPS),
        lambda: rollout(model, values, NAMES, codes, STEPS, memory="cache", reach=6),
        STEPS,
        "frames/s",
        turns=1,
    )


def _model() -> FieldTransformer:
    torch.manual_seed(0)
    return FieldTransformer(SIZE, NAMES).eval()


def _values(space: tuple[int, int, int], frames: int) -> Tensor:
    return torch.randn(1, frames, len(NAMES), *space, generator=torch.Generator().manual_seed(0))


def _forward(function: Callable[[], Tensor]) -> Callable[[], object]:
    return torch.no_grad()(function)


def _trained(function: Callable[[], Tensor]) -> Callable[[], object]:
    return lambda: function().abs().mean().backward()
