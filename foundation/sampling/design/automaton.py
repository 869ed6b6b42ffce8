"""Automaton: forbidden motifs, required motifs and a template as one finite automaton over A, C, G, U.

A state remembers which beginnings of motifs the last letters match (one bit a motif letter, as in the Shift-And search
of Baeza-Yates and Gonnet, doi:10.1145/135239.135243) and which required motifs have been seen. State DEAD is entered
for good when something forbidden has happened. A window makes the transitions depend on the position.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from foundation.errors import FoundationError
from foundation.sampling.design.constraints import Constraints
from foundation.sampling.design.motif import IUPAC, LETTERS, Motif

DEAD = 0
MOST_STATES = 20_000  # before equivalent ones are merged


@dataclass(frozen=True, eq=False)
class Automaton:
    """What letters lead where; S states.

    Args:
        step: int32 [kinds of position, letters, S], the state after a letter; DEAD stays DEAD.
        kind: int64 [longest], the kind of each position, from 0.
        start: the state before any letter.
        accepting: bool [S], states in which everything required has been seen.
    """

    step: Int[np.ndarray, "kinds letters S"]
    kind: Int[np.ndarray, "longest"]
    start: int
    accepting: Bool[np.ndarray, "S"]

    @classmethod
    def of(cls, constraints: Constraints) -> "Automaton":
        """The automaton of motifs, runs and the template; GC and length are counted elsewhere.

        Raises:
            FoundationError: so many ambiguous letters that it would not fit.
        """
        longest = constraints.lengths[1]
        windows, kind = np.unique(_open_windows(constraints.required, longest), axis=0, return_inverse=True)
        search = _Search.of(constraints.required, constraints.forbidden)
        step, accepting, start = _merged(*search.explored(windows[:, 1:]))
        if constraints.template:
            step, kind = _with_template(step, kind, constraints.template)
        return cls(step, kind, start, accepting)

    @property
    def states(self) -> int:
        """Number of states S."""
        return len(self.accepting)


def _open_windows(required: Sequence[Motif], longest: int) -> Bool[np.ndarray, "longest columns"]:
    """A column of True, and for each motif whether one that ends at a position lies in its window."""
    end = np.arange(1, longest + 1)
    always = np.ones(longest, dtype=bool)  # also where a motif has no room yet: then positions do not differ
    fits = [(end >= m.window[0] + len(m) - 1) & (end <= m.window[1]) if m.window else always for m in required]
    return np.stack([always, *fits], 1)


@dataclass(frozen=True)
class _Search:
    """Bits of all motif letters side by side: where motifs begin and end, and which letters fit which bits."""

    begin: int
    end_required: tuple[int, ...]
    end_forbidden: int
    own: tuple[int, ...]  # all bits of each required motif
    fits: tuple[int, ...]  # by letter

    @classmethod
    def of(cls, required: Sequence[Motif], forbidden: Sequence[Motif]) -> "_Search":
        """The bits of these motifs, the required ones first."""
        begin, fits, ends, own, at = 0, [0] * len(LETTERS), [], [], 0
        for motif in (*required, *forbidden):
            begin |= 1 << at
            for i, choices in enumerate(motif.choices):
                for letter in choices:
                    fits[letter] |= 1 << (at + i)
            own.append(((1 << len(motif)) - 1) << at)
            at += len(motif)
            ends.append(1 << (at - 1))
        n = len(required)
        return cls(begin, tuple(ends[:n]), sum(ends[n:]), tuple(own[:n]), tuple(fits))

    def after(self, bits: int, seen: int, letter: int, open_window: Sequence[bool]) -> tuple[int, int] | None:
        """The state (bits, seen) after a letter; None if something forbidden is complete."""
        bits = ((bits << 1) | self.begin) & self.fits[letter]
        if bits & self.end_forbidden:
            return None
        for i, end in enumerate(self.end_required):
            if bits & end and open_window[i]:
                seen |= 1 << i
            bits &= ~(self.own[i] if seen >> i & 1 else end)
        return bits, seen

    def explored(self, windows: Bool[np.ndarray, "kinds motifs"]) -> tuple[np.ndarray, np.ndarray]:
        """Transitions [kinds, letters, S] and acceptance [S] of all states; DEAD first, then the start."""
        number: dict[tuple[int, int] | None, int] = {None: DEAD, (0, 0): DEAD + 1}
        reached = [(0, 0)]
        rows = [np.full((len(windows), len(LETTERS)), DEAD)]
        kinds = windows.tolist()
        for bits, seen in _growing(reached):
            row = [[self.after(bits, seen, letter, w) for letter in range(len(LETTERS))] for w in kinds]
            for state in (s for some in row for s in some if s not in number):
                if state not in number and state is not None:
                    number[state] = len(number)
                    reached.append(state)
            if len(number) > MOST_STATES:
                raise FoundationError(
                    f"The motifs need more than {MOST_STATES} states. Give fewer, or with fewer ambiguous letters."
                )
            rows.append(np.array([[number[s] for s in some] for some in row]))
        every = (1 << len(self.end_required)) - 1
        return np.stack(rows, -1), np.array([False, *(seen == every for _, seen in reached)])


def _growing(items: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The items, those included that are appended meanwhile."""
    at = 0
    while at < len(items):
        yield items[at]
        at += 1


def _merged(step: np.ndarray, accepting: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """States with the same future as one (Moore's refinement), DEAD first; the transitions, acceptance and start."""
    flat = step.reshape(-1, step.shape[-1])  # [kinds * letters, S]
    group, count = accepting.astype(np.int64), 0
    while count < (now := len(np.unique(group))):
        count = now
        group = np.unique(np.concatenate([group[None], group[flat]]), axis=1, return_inverse=True)[1]
    order = np.unique(group, return_index=True)[1]  # a member of each group
    dead = int(group[DEAD])
    place = np.argsort(np.argsort(np.arange(count) != dead, kind="stable"))  # DEAD's group first
    member = order[np.argsort(place)]
    renamed = place[group]
    return renamed[step[..., member]].astype(np.int32), accepting[member], int(renamed[DEAD + 1])


def _with_template(step: np.ndarray, kind: np.ndarray, template: str) -> tuple[np.ndarray, np.ndarray]:
    """Transitions that lead to DEAD by the letters that the template forbids, and the kinds of positions anew."""
    pairs, kind = np.unique(
        [[k, ord(letter)] for k, letter in zip(kind, template, strict=True)], axis=0, return_inverse=True
    )
    fits = np.array([[c in IUPAC[chr(letter)] for c in LETTERS] for _, letter in pairs])
    return np.where(fits[:, :, None], step[pairs[:, 0]], DEAD).astype(np.int32), kind
