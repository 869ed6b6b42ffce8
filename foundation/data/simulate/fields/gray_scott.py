"""Gray-Scott: two chemicals react and diffuse into spots, stripes and mazes, in a periodic box of any dimension.

dA/dt = dA ∇²A - A B² + feed (1 - A),  dB/dt = dB ∇²B + A B² - (feed + kill) B  (Pearson 1993, Science 261, 189).
Diffusion is exact by Fourier series, reaction by Runge-Kutta 4; half, whole, half steps make it of order 2 (Strang).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from foundation.data.fields.record import PERIODIC, Field
from foundation.data.simulate.fields.march import march
from foundation.data.simulate.fields.spectral import Box, random_field

State = Float64[np.ndarray, "2 *space"]
DIFFUSIVITY = (2e-5, 1e-5)  # of A and B, as in The Well
SPACING = 2 / 128  # fixed, for it sets the size of the spots in points
LONGEST = 1.0  # step
EDGE = 4.0  # steepness of the blobs, which the grid must resolve


@dataclass(frozen=True)
class GrayScott:
    """One set of parameters; the state is (A, B) on the grid.

    Args:
        size: points along each axis.
        frames: of a trajectory.
        feed: rate at which A is fed and both are washed out.
        kill: further rate at which B is removed.
        axes: dimensions of space.
        cadence: time between frames.
        settle: time before the first frame.
    """

    size: int = 64
    frames: int = 40
    feed: float = 0.03
    kill: float = 0.06
    axes: int = 2
    cadence: float = 20.0
    settle: float = 100.0

    @cached_property
    def box(self) -> Box:
        """The domain."""
        return Box((self.size,) * self.axes, (self.size * SPACING,) * self.axes)

    def simulate(self, rng: np.random.Generator) -> Field:
        """A trajectory from random blobs of B in A."""
        settled = list(march(self.initial(rng), 2, self.settle, self.stable, self.step))[-1]
        states = march(settled, self.frames, self.cadence, self.stable, self.step)
        return Field(
            np.stack(list(states)), ("A", "B"), (False, False), np.full(self.axes, SPACING),
            (PERIODIC,) * self.axes, self.cadence * np.arange(self.frames),
            {"F": self.feed, "k": self.kill}, None, f"gray_scott_{self.axes}d",
        )  # fmt: skip

    def initial(self, rng: np.random.Generator) -> State:
        """Blobs where a random field is high: B = 1/4 and A = 1/2 inside, A = 1 outside."""
        inside = (1 + np.tanh(EDGE * (random_field(rng, self.box.shape, 1, 6) - 1))) / 2
        return np.stack([1 - inside / 2, inside / 4])

    def stable(self, state: State) -> float:
        """The longest step; diffusion has no limit."""
        return LONGEST

    def step(self, state: State, time: float) -> State:
        """The state a time later."""
        return self._diffused(self._reacted(self._diffused(state, time / 2), time), time / 2)

    def _diffused(self, state: State, time: float) -> State:
        rates = np.array(DIFFUSIVITY).reshape(2, *(1,) * self.axes)
        return self.box.backward(self.box.forward(state) * np.exp(-rates * self.box.square * time))

    def _reacted(self, state: State, time: float) -> State:
        a = self._rate(state)
        b = self._rate(state + time / 2 * a)
        c = self._rate(state + time / 2 * b)
        d = self._rate(state + time * c)
        return state + time / 6 * (a + 2 * (b + c) + d)

    def _rate(self, state: State) -> State:
        a, b = state
        reaction = a * b**2
        return np.stack([self.feed * (1 - a) - reaction, reaction - (self.feed + self.kill) * b])
