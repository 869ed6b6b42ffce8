"""Costs that change at known steps."""

import json

import numpy as np
import pytest

from foundation.data.balance.revised import RevisedCosts
from foundation.errors import FoundationError


def test_a_step_is_planned_with_what_held_then():
    costs = RevisedCosts(np.array([1.0, 2.0]))
    costs.revise(8, np.array([3.0, 4.0]))
    assert [costs.at(step).tolist() for step in (0, 7, 8, 99)] == [[1, 2], [1, 2], [3, 4], [3, 4]]
    again = RevisedCosts(np.ones(2))
    again.load_state_dict(json.loads(json.dumps(costs.state_dict())))
    assert [again.at(step).tolist() for step in (7, 8)] == [[1, 2], [3, 4]]
    with pytest.raises(FoundationError, match="known from step 8 on"):
        costs.revise(7, np.ones(2))
