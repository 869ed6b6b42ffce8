import pytest
import torch

from foundation.errors import FoundationError
from foundation.model.anchored.order import EOS
from foundation.sampling.anchored.lengths import Lengths


def adjusted(lengths, logits, length, last=False):
    rows = torch.tensor([logits], dtype=torch.float64)
    return lengths.adjust(rows, torch.tensor([length]), torch.tensor([last])).softmax(-1)[0]


def test_a_model_that_never_ends_gets_uniform_lengths():
    lengths = Lengths(1, 40, soft=30)
    going, ends = 1.0, {}
    for length in range(1, 41):
        p = float(adjusted(lengths, [0.0, 1.0, 0.5, -1.0, -60.0], length)[EOS])
        ends[length] = going * p
        going *= 1 - p
    assert going == pytest.approx(0, abs=1e-12)
    assert max(ends[n] for n in range(1, 30)) < 1e-20
    assert [ends[n] for n in range(30, 41)] == pytest.approx([1 / 11] * 11)


def test_the_probability_of_an_end_is_raised_and_letters_keep_their_ratios():
    logits = [0.3, 1.0, 0.5, -1.0, 0.7]
    before, after = torch.tensor(logits).double().softmax(-1), adjusted(Lengths(1, 20, soft=10), logits, 15)
    assert float(after[EOS]) == pytest.approx(float(before[EOS] + (1 - before[EOS]) / 6))
    assert torch.allclose(after[:EOS] / after[:EOS].sum(), before[:EOS] / before[:EOS].sum())
    assert torch.allclose(adjusted(Lengths(1, 20, soft=10), logits, 9), before)


def test_bounds_are_hard():
    logits = [0.0] * 5
    assert adjusted(Lengths(3, 9), logits, 2, last=True)[EOS] == 0
    assert adjusted(Lengths(3, 9), logits, 2, last=False)[EOS] > 0
    assert adjusted(Lengths(3, 9), logits, 9)[EOS] == 1


@pytest.mark.parametrize("bounds", [(5, 4, None), (0, 0, None), (2, 9, 1), (2, 9, 10), (-1, 9, None)])
def test_refusals(bounds):
    with pytest.raises(FoundationError, match="0 <= least <= soft <= most"):
        Lengths(*bounds)
