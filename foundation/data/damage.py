"""Damage: members of the shards that cannot be read. They are skipped, counted and reported; too many end the run."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping

from foundation.data.manifest import ShardError
from foundation.errors import FoundationError


class Damage:
    """What is known of one data set.

    Args:
        members: of the data set.
        tolerated: share of them that may be unreadable, from 0 to below 1.

    Raises:
        FoundationError: a share outside that range.
    """

    def __init__(self, members: int, tolerated: float) -> None:
        if not 0 <= tolerated < 1:
            raise FoundationError(f"unreadable = {tolerated}; give a share from 0 to below 1, such as 0.001.")
        self.members, self.tolerated = members, tolerated
        self.known: set[int] = set()

    def note(self, faults: Mapping[int, str]) -> None:
        """Report members that are found unreadable for the first time.

        Args:
            faults: member -> the sentence that says what is wrong with it, or with its shard.

        Raises:
            ShardError: they are too many by now.
        """
        new = {member: sentence for member, sentence in faults.items() if member not in self.known}
        self.known.update(new)
        if new:
            self.check(next(reversed(new.values())))
        for sentence, members in Counter(new.values()).items():
            print(
                f"skipped {members} of {self.members} members, {len(self.known)} so far: {sentence}",
                file=sys.stderr,
                flush=True,
            )

    def learn(self, members: Iterable[int]) -> None:
        """Take over what other ranks, or an earlier part of the run, found; `check` says whether it is too much."""
        self.known.update(members)

    def check(self, sentence: str = "") -> None:
        """Go on, or not.

        Args:
            sentence: what is wrong with one of them, for the message.

        Raises:
            ShardError: more members are unreadable than tolerated.
        """
        if len(self.known) <= self.tolerated * self.members:
            return
        if not self.tolerated and sentence:
            raise ShardError(sentence)
        raise ShardError(
            f"{len(self.known)} of {self.members} members cannot be read, `--data.unreadable {self.tolerated:g}` "
            f"tolerates {int(self.tolerated * self.members)}. Mend them, or tolerate more. {sentence}".rstrip()
        )
