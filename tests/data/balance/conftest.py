"""The mix of 19 data sets of Walrus with the cost of a micro-batch of each, and a small uneven mix."""

import numpy as np
import pytest

FORWARD_TFLOP = (
    [30.5, 30.6, 30.5, 30.6] + [31.6, 31.7, 31.8, 31.8] + [32.7] * 3 + [32.8] * 3 + [40.7, 43.8, 44.2, 51.4, 51.4]
)


@pytest.fixture
def mix():
    return np.array(FORWARD_TFLOP)


@pytest.fixture
def uneven():
    """Shares that add to 1 and are no whole numbers of slots."""
    shares = np.array([5.0, 1.0, 2.5, 0.3, 1.7])
    return shares / shares.sum()
