"""Dealing: which members of the shards each rank reads, and in which windows; a pure function of numbers.

Members are read in turns 0, 1, 2, ... without end; each epoch of turns is a permutation of all members, so that none
is read again before all were read. Turns are dealt to the ranks one by one, as cards are. A window is a few
consecutive turns of one rank's hand. Loader processes take a rank's windows one after the other, which changes
nothing in them; all that a number of ranks or loader processes decides is who reads a window, and when.

A run that goes on with another number of ranks deals anew: windows that were begun go whole to one rank, less the
batches that were handed out, and turns that no rank had begun are dealt as if they were all there is. So over the
whole run every rank reads without end, no member is read twice in an epoch, and none is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Window:
    """Turns whose samples are shuffled and packed together.

    Args:
        turns: which, at least one.
        used: batches of it that were handed out before the ranks were dealt anew.
    """

    turns: tuple[int, ...]
    used: int = 0


@dataclass(frozen=True)
class Dealing:
    """The windows of all ranks.

    Args:
        world: number of ranks.
        size: turns of a window.
        begun: windows that an earlier dealing had begun, dealt before all others.
        left: turns before `fresh` that no rank had begun, ascending.
        fresh: no rank had begun this turn or any after it.
    """

    world: int
    size: int
    begun: tuple[Window, ...] = ()
    left: tuple[int, ...] = ()
    fresh: int = 0

    def window(self, rank: int, number: int) -> Window:
        """The window of this number, from 0, of a rank below `world`."""
        own = self.begun[rank :: self.world]
        if number < len(own):
            return own[number]
        first = (number - len(own)) * self.size
        return Window(tuple(self._turn((first + i) * self.world + rank) for i in range(self.size)))

    def anew(self, world: int, positions: Sequence[tuple[int, int]]) -> "Dealing":
        """What is left, for another number of ranks.

        Args:
            world: number of ranks that go on.
            positions: for each rank of this dealing, how many windows it finished and how many batches of the next
                one it handed out.
        """
        begun: list[Window] = []
        dealt = []  # how many turns of each hand were begun
        for rank, (number, batches) in enumerate(positions):
            own = len(self.begun[rank :: self.world])
            if number >= own and batches:
                own = number + 1
            ahead = [self.window(rank, n) for n in range(number, own)]
            begun += [Window(w.turns, w.used + batches * (n == number)) for n, w in enumerate(ahead, number)]
            dealt.append(max(number, own) - len(self.begun[rank :: self.world]))
        most = max(dealt) * self.size
        passed = [i * self.world + rank for rank, n in enumerate(dealt) for i in range(n * self.size, most)]
        left = (*map(self._turn, sorted(passed)), *self.left[most * self.world :])
        fresh = self.fresh + max(0, most * self.world - len(self.left))
        return Dealing(world, self.size, tuple(begun), left, fresh)

    def _turn(self, place: int) -> int:
        """The turn at a place in the row that is dealt."""
        return self.left[place] if place < len(self.left) else self.fresh + place - len(self.left)

    def plain(self) -> dict[str, Any]:
        """Numbers and lists, for a checkpoint."""
        return asdict(self)

    @classmethod
    def restore(cls, content: Mapping[str, Any]) -> "Dealing":
        """What `plain` gave."""
        begun = tuple(Window(tuple(w["turns"]), w["used"]) for w in content["begun"])
        return cls(content["world"], content["size"], begun, tuple(content["left"]), content["fresh"])
