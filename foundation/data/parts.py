"""Parts: shards written one by one, by any number of processes in any order, and joined when all are there.

What a part holds depends on its sources only, so the joined data set is the same for any number of processes, and a
job that was killed goes on with the parts that are missing.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from foundation.data.manifest import NAME, Manifest, ShardError
from foundation.data.union import union
from foundation.files import put_directory, whole_file

MADE_OF = "made_of.json"
ONE_SHARD = sys.maxsize  # members of a part's only shard
T = TypeVar("T")


class Parts:
    """The unfinished data set beside `out`.

    Args:
        out: where the finished one goes.
        made_of: what the parts depend on; parts that depend on something else are removed.
    """

    def __init__(self, out: Path, made_of: Mapping[str, Any]) -> None:
        self.out, self.made_of = out, dict(made_of)
        self.directory = out.parent / f".{out.name}.parts"

    def finished(self) -> bool:
        """Whether `out` holds the whole data set, made of the same."""
        return (self.out / NAME).is_file() and _read(self.out / MADE_OF) == self.made_of

    def begin(self) -> None:
        """Make the directory of parts, or clean the one that is there; for one process alone.

        Raises:
            ShardError: `out` holds something else.
        """
        if self.out.is_dir() and any(self.out.iterdir()) and not (self.out / NAME).is_file():
            raise ShardError(f"{self.out}: the directory holds other files, which would be lost. Write to a new one.")
        if self.directory.is_dir() and _read(self.directory / MADE_OF) != self.made_of:
            print(f"{self.directory}: removing parts made of something else", file=sys.stderr)
            shutil.rmtree(self.directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        with whole_file(self.directory / MADE_OF) as path:
            path.write_text(json.dumps(self.made_of, indent=1) + "\n")
        self._remove_leftovers()

    def missing(self, total: int) -> list[int]:
        """Which of `total` are not there."""
        return [number for number in range(total) if number not in self]

    def __contains__(self, number: int) -> bool:
        return self._note(number).is_file()

    def write(
        self,
        number: int,
        samples: Iterable[T],
        make: Callable[[Iterable[T], Path], Manifest],
        told: Callable[[], Any] = lambda: None,
    ) -> None:
        """Write one part, whole or not at all.

        Args:
            number: of the part.
            samples: none means that this part is empty.
            make: writes samples as one shard (`ONE_SHARD` members at most) into a directory.
            told: plain values to keep beside the part, asked for once the samples were read.
        """
        samples, text = iter(samples), ""
        first = next(samples, None)
        if first is not None:
            alone = self.directory / f"part-{number:06d}"
            made = make(chain([first], samples), alone)
            shard = replace(made.shards[0], name=f"shard-{number:06d}.tar")
            (alone / made.shards[0].name).replace(self.directory / shard.name)
            text = replace(made, shards=(shard,)).text()
            shutil.rmtree(alone)
        with whole_file(self._note(number)) as path:
            path.write_text(json.dumps({"manifest": text, "told": told()}) + "\n")

    def told(self, number: int) -> Any:  # noqa: ANN401 - whatever was told
        """What was kept beside a part that is there."""
        return json.loads(self._note(number).read_text())["told"]

    def count(self, total: int) -> int:
        """How many of `total` are there."""
        return sum(number in self for number in range(total))

    def join(self, total: int, nothing: str) -> Manifest:
        """Move all parts into one data set at `out`; for one process alone.

        Raises:
            ShardError: none of them has a sample; no part is left then.
        """
        notes = [self._note(number) for number in range(total)]
        texts = [(json.loads(note.read_text())["manifest"], str(note)) for note in notes]
        manifests = [Manifest.parse(text.encode(), name) for text, name in texts if text]
        if not manifests:
            self.remove()
            raise ShardError(f"{self.out}: {nothing}")
        whole = union(manifests, [shard.name for m in manifests for shard in m.shards])
        with whole_file(self.directory / NAME) as path:
            path.write_text(whole.text())
        put_directory(self.directory, self.out)
        for note in notes:  # only now, so that a process killed before goes on from them
            (self.out / note.name).unlink()
        return whole

    def remove(self) -> None:
        """Delete all parts."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _remove_leftovers(self) -> None:
        """What killed processes had begun."""
        for path in self.directory.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name.startswith("."):
                path.unlink()

    def _note(self, number: int) -> Path:
        """The manifest of one part, written when its shard is there."""
        return self.directory / f"part-{number:06d}.json"


def portions(members: Sequence[int], samples: int) -> list[range]:
    """Consecutive members for each part, with at least `samples` samples; the last may have fewer.

    Args:
        members: samples of each member of the records.
        samples: wanted in a part.
    """
    return list(_portions(members, samples))


def _portions(members: Sequence[int], samples: int) -> Iterator[range]:
    first, held = 0, 0
    for index, size in enumerate(members, 1):
        held += size
        if held >= samples or index == len(members):
            yield range(first, index)
            first, held = index, 0


def _read(path: Path) -> Any:  # noqa: ANN401 - JSON, or None without a file that parses
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
