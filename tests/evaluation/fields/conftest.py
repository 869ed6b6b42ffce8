"""Waves that move a point a step over a periodic plane, beside a field that never changes."""

import numpy as np
import pytest

from foundation.data.fields.record import Field


def wave(phase=0.0, frames=30, points=16, space=2, amplitude=1.0, valid=None):
    x = 2 * np.pi * np.arange(points) / points
    moving = np.stack([np.sin(x - 2 * np.pi * t / points + phase) for t in range(frames)])
    shape = (frames, points, *[1] * (space - 1))
    full = (frames, *[points] * space)
    tracer = amplitude * np.broadcast_to(moving.reshape(shape), full)
    pressure = np.broadcast_to(np.cos(2 * moving).reshape(shape), full) + 3
    return Field(
        values=np.stack([tracer, np.ones(full), pressure], 1),
        names=("tracer", "mask", "pressure"),
        constant=(False, True, False),
        spacing=np.ones(space),
        boundary=(("periodic", "periodic"),) * space,
        time=np.arange(frames, dtype=float),
        valid=valid,
        dataset="waves",
    )


@pytest.fixture
def waves():
    return [wave(phase) for phase in (0.0, 0.9, 2.0)]
