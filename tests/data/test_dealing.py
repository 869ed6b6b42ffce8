"""Dealing: every turn is dealt once, whatever the number of ranks and however often it changes."""

from collections import Counter

import numpy as np
import pytest

from foundation.data.dealing import Dealing

WORLDS = [(1,), (3,), (1, 2), (4, 1), (2, 3, 5), (5, 3, 2, 1), (7, 7, 2), (2, 64, 3)]


def stopped(dealing, rng):
    """Ranks stop at places of their own, some inside a window; what they finished, and what they began."""
    positions = [(int(rng.integers(0, 6)), int(rng.integers(0, 3))) for _ in range(dealing.world)]
    finished = [dealing.window(r, n) for r, (number, _) in enumerate(positions) for n in range(number)]
    begun = [dealing.window(r, number) for r, (number, used) in enumerate(positions) if used]
    return positions, finished, begun


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("worlds", WORLDS)
def test_every_turn_is_dealt_once_through_any_change_of_the_number_of_ranks(worlds, size):
    rng = np.random.default_rng(len(worlds))
    dealing, read = Dealing(worlds[0], size), []
    for world in (*worlds[1:], worlds[0]):
        positions, finished, begun = stopped(dealing, rng)
        read += [t for w in finished for t in w.turns]
        before = {w.turns: w.used for w in begun}
        used = {dealing.window(r, n).turns: u for r, (n, u) in enumerate(positions) if u}
        dealing = Dealing.restore(dealing.anew(world, positions).plain())
        for window in (w for w in dealing.begun if w.turns in before):
            assert window.used == before[window.turns] + used[window.turns]  # goes on behind the batches handed out
        assert set(before) <= {w.turns for w in dealing.begun}
    rounds = 200
    read += [t for r in range(dealing.world) for n in range(rounds) for t in dealing.window(r, n).turns]
    assert set(Counter(read).values()) == {1}
    assert set(range(rounds * size)) <= set(read)


def test_turns_go_to_the_ranks_one_by_one():
    dealing = Dealing(world=3, size=2)
    assert [dealing.window(r, 0).turns for r in range(3)] == [(0, 3), (1, 4), (2, 5)]
    assert dealing.window(1, 4).turns == (25, 28)


def test_ranks_share_what_was_left_before_they_read_what_is_new():
    dealing = Dealing(world=2, size=1).anew(3, [(3, 0), (1, 1)])  # rank 0 read 0, 2, 4; rank 1 read 1 and began 3
    assert [w.turns for w in dealing.begun] == [(3,)] and dealing.left == (5,) and dealing.fresh == 6
    assert [dealing.window(r, n).turns for n in (0, 1) for r in range(3)] == [(3,), (6,), (7,), (5,), (9,), (10,)]
