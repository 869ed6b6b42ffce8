"""Imbalance against passes of known length."""

import subprocess
import sys
from pathlib import Path

import pytest


def test_longest_over_mean_of_two_ranks(tmp_path):
    script = Path(__file__).with_name("imbalance_of_ranks.py")
    ranks = [
        subprocess.Popen([sys.executable, script, str(tmp_path), str(rank)], stdout=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    said = [float(rank.communicate(timeout=120)[0]) for rank in ranks]
    assert said[0] == said[1]
    assert said[0] == pytest.approx((30 + 20) / (20 + 20))  # the third step is not counted
