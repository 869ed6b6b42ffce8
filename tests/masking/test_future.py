import pytest
import torch

from foundation.errors import FoundationError
from foundation.masking import Future
from foundation.tokens import Axis, Space, Tokens, concatenate

TIME, PLACE = Axis("time", "s", 0.0, 10.0, 0.5), Axis("x", "m", 0.0, 3.0, 1.0)
FLOW = Space("flow", "continuous", 2, (PLACE, TIME))
PROBE = Space("probe", "discrete", 9, (TIME,))
VISCOSITY = Space("viscosity", "discrete", 9)


@pytest.fixture
def tokens(generator):
    """Four frames of two tokens, a probe at two of their times, and a parameter, in any order."""
    times = torch.tensor([0.5, 1.0, 2.5, 4.0]).double()
    place = torch.stack([torch.arange(2.0).double().repeat(4), times.repeat_interleave(2)], 1)
    parts = [
        Tokens.of_space(FLOW, torch.zeros(8, 2), place),
        Tokens.of_space(PROBE, torch.zeros(2), times[[1, 3], None]),
        Tokens.of_space(VISCOSITY, torch.zeros(1)),
    ]
    joined = concatenate(parts)
    return joined.select(torch.randperm(len(joined), generator=generator))


def steps(tokens, reveal):
    """Reveal step by space and time."""
    time = {"flow": 1, "probe": 0}
    names = [tokens.spaces[s].name for s in tokens.space]
    keys = [(n, float(p[time[n]]) if n in time else None) for n, p in zip(names, tokens.position, strict=True)]
    return dict(zip(keys, reveal.tolist(), strict=True))


def test_frames_are_asked_one_after_the_other(tokens, generator):
    found = steps(tokens, Future(2)(tokens, generator))
    assert [found["flow", t] for t in (0.5, 1.0, 2.5, 4.0)] == [0, 0, 1, 2]
    assert (found["probe", 1.0], found["probe", 4.0], found["viscosity", None]) == (0, 2, 0)


def test_later_frames_take_no_part(tokens, generator):
    found = steps(tokens, Future(1, asked=2)(tokens, generator))
    assert [found["flow", t] for t in (0.5, 1.0, 2.5, 4.0)] == [0, 1, 2, -1]


def test_nothing_given_but_what_has_no_time(tokens, generator):
    reveal = Future(0)(tokens, generator)
    assert (reveal == 0).sum() == 1 and int(reveal.max()) == 4


def test_support(tokens):
    assert Future(1).support(("flow", "probe")) == {(a, b) for a in ("flow", "probe") for b in ("flow", "probe")}


def test_refusals(tokens, generator):
    with pytest.raises(FoundationError, match="4 times, of which 4 are given, leaves nothing"):
        Future(4)(tokens, generator)
    with pytest.raises(FoundationError, match="given -1"):
        Future(-1)
