"""Marching lands on the frames, in steps that are never too long."""

import numpy as np
import pytest

from foundation.data.simulate.fields.march import march
from foundation.errors import FoundationError


def test_frames_are_hit_in_the_fewest_equal_steps():
    taken = []

    def step(state, time):
        taken.append(time)
        return state + time

    states = list(march(np.zeros(1), 3, 1.0, lambda state: 0.3, step))
    np.testing.assert_allclose(states, [[0], [1], [2]])
    np.testing.assert_allclose(taken, [0.25] * 8)


def test_blow_up_is_one_sentence():
    states = march(np.zeros(1), 3, 1.0, lambda state: 1.0, lambda state, time: state + np.inf)
    with pytest.raises(FoundationError, match="unstable before frame 1; take a finer grid"):
        list(states)
