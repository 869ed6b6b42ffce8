"""The `tokenize apply` verb: record shards in, token shards out, with the labels of every object."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path

from foundation.data.parts import ONE_SHARD, Parts, portions
from foundation.data.records import Sample
from foundation.data.shards import RecordShards, TokenSample, write_tokens
from foundation.errors import FoundationError
from foundation.processes import arrived, of_first, together
from foundation.progress import track
from foundation.tokenizers.bundle import TokenizerBundle

PATIENCE = timedelta(days=30)  # a rank may wait for the slowest as long as that takes
GLANCE = 0.5  # seconds between looks at what other ranks have finished
LATE = 120.0  # seconds after which files of another machine should be seen on a shared disk


def apply(
    records: str | Path, *, tokenizers: Path, out: Path, batch: int = 256, samples_per_shard: int = 16384
) -> None:
    """Turn record shards into token shards.

    Keys, order and labels are kept. A modality without a tokenizer or without a usable pixel is left out, and so is a
    sample that has nothing else.

    Under torchrun all processes share the work, and the shards are the same to the byte as those of one process. A job
    that was killed goes on where it stopped when the same is typed again; one that is done does nothing.

    Example:
        foundation tokenize apply records/train --tokenizers tokenizers --out tokens/all
        torchrun --nproc-per-node 8 -m foundation tokenize apply records/train --tokenizers tokenizers --out tokens/all

    Args:
        records: directory of record shards, or its URL.
        tokenizers: directory of tokenizers, one directory per modality, as `foundation tokenize train` writes.
        out: directory of the token shards.
        batch: samples tokenised at once.
        samples_per_shard: of records, for each shard of tokens; what is lost if a process is killed.

    Raises:
        FoundationError: a directory does not hold what it should, or a record does not fit its tokenizer.
    """
    if min(batch, samples_per_shard) < 1:
        raise FoundationError(f"batch {batch}, samples_per_shard {samples_per_shard}; give numbers of at least 1.")
    work = _Work(RecordShards(records), TokenizerBundle.from_pretrained(tokenizers), out, batch, samples_per_shard)
    with together(PATIENCE) as (rank, world):
        if of_first(work.parts.finished):
            if rank == 0:
                print(f"{out}: already made of these records and tokenizers", file=sys.stderr)
            return
        missing = of_first(work.begin)
        mine = missing[rank::world]
        if rank == 0:
            for _ in track(work.watched(mine), f"writing {out}", len(work.portions)):
                pass
            work.finish()
        else:
            for number in mine:
                work.write(number)
            everyone = arrived()
            while not everyone():
                time.sleep(GLANCE)


def _glances() -> Iterator[Callable[[], None]]:
    """Short waits, until a while after the last rank is done: other machines' files may be seen late."""
    everyone, end = arrived(), None
    while end is None or time.monotonic() < end:
        yield partial(time.sleep, GLANCE)
        if end is None and everyone():  # raises if a rank has died
            end = time.monotonic() + LATE


class _Work:
    """The parts of one data set, and how to make each."""

    def __init__(
        self, shards: RecordShards, bundle: TokenizerBundle, out: Path, batch: int, samples_per_shard: int
    ) -> None:
        self.shards, self.bundle, self.batch = shards, bundle, batch
        self.portions = portions([member.samples for _, member in shards.manifest.members], samples_per_shard)
        self.hash = bundle.fingerprint()
        made_of = {"records": shards.manifest.fingerprint, "tokenizers": self.hash}
        self.parts = Parts(out, made_of | {"batch": batch, "samples_per_shard": samples_per_shard})

    def begin(self) -> list[int]:
        """Which parts are to be made; for one process alone."""
        self.parts.begin()
        return self.parts.missing(len(self.portions))

    def write(self, number: int) -> None:
        """Make one part."""
        make = partial(write_tokens, spaces=self.bundle.spaces, tokenizer_hash=self.hash, members_per_shard=ONE_SHARD)
        self.parts.write(number, self._tokenise(self.portions[number]), make)

    def watched(self, mine: Sequence[int]) -> Iterator[None]:
        """Make these, then wait for the other ranks; an item for each part that any rank has finished.

        Raises:
            FoundationError: all ranks are done and yet parts are missing.
        """
        total, seen = len(self.portions), 0
        for number, step in enumerate(chain((partial(self.write, part) for part in mine), _glances())):
            step()
            there = self.parts.count(total)
            yield from [None] * (there - seen)
            seen = there
            if seen == total and number >= len(mine):  # the first glance tells the others that this rank is done
                return
        raise FoundationError(
            f"{self.parts.directory}: {total - seen} of {total} parts are missing though all ranks are done. Do all "
            "machines write to the same disk? Then type the same again."
        )

    def finish(self) -> None:
        """Join the parts, and say what was left out."""
        nothing = "nothing in the records has a tokenizer. Give other records or tokenizers."
        whole = self.parts.join(len(self.portions), nothing)
        if left := len(self.shards) - whole.samples:
            print(f"left out {left} samples without anything to tokenise", file=sys.stderr)

    def _tokenise(self, members: range) -> Iterator[TokenSample]:
        waiting: list[Sample] = []
        for sample in (s for index in members for s in self.shards.member(index)):
            if self.bundle.accepts(sample):
                waiting.append(sample)
            if len(waiting) == self.batch:
                yield from self._encode(waiting)
                waiting = []
        if waiting:
            yield from self._encode(waiting)

    def _encode(self, samples: list[Sample]) -> Iterator[TokenSample]:
        for sample, tokens in zip(samples, self.bundle.encode(samples), strict=True):
            yield TokenSample(sample.key, tokens, sample.labels)
