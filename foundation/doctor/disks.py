"""disks: whether shards can be read, and how fast the output directory takes what is written."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from foundation.data.manifest import ShardError
from foundation.data.places import place_of
from foundation.data.shards import RecordShards, TokenShards
from foundation.doctor.finding import Finding
from foundation.errors import FoundationError

SLOW_READ, SLOW_WRITE = 50e6, 50e6  # bytes per second below which something is likely wrong
BLOCK = 8 << 20


def shards(where: str, members: int, verify: bool) -> Iterator[Finding]:
    """Whether a data set can be opened, and some of its members, evenly spaced, can be read; or every byte of it."""
    name = f"shards {where}"
    try:
        opened = {"records": RecordShards, "tokens": TokenShards}[place_of(where).manifest().kind](where)
        if verify:
            opened.verify()
    except FoundationError as error:
        yield Finding(name, "bad", str(error), "Mend it before training.")
        return
    chosen = np.unique(np.linspace(0, opened.members - 1, members).astype(int)).tolist()
    broken, start = {}, time.perf_counter()
    for index in chosen:
        try:
            opened.member(index)
        except ShardError as error:
            broken[index] = str(error)
    seconds = time.perf_counter() - start
    if broken:
        first = next(iter(broken.values()))
        yield Finding(name, "bad", f"{len(broken)} of {len(chosen)} members cannot be read: {first}", "Mend them.")
        return
    size = sum(m.arrays.size + m.text.size for m in (opened.manifest.members[i][1] for i in chosen))
    read = (
        f"{len(opened):,} samples; {len(chosen)} of {opened.members} members read at {size / seconds / 1e6:,.0f} MB/s"
    )
    slow = size > SLOW_READ and size / seconds < SLOW_READ
    remedy = "Copy it to a faster disk, or give the loader more `--data.workers`." if slow else ""
    yield Finding(name, "look" if slow else "good", read + (", every checksum agrees" if verify else ""), remedy)


def writing(directory: Path, size: int) -> Finding:
    """How fast `size` bytes reach the disk of a directory, which is made if it is not there."""
    name = f"writing {directory}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(directory).free
        if free < 2 * size:
            room = f"{free / 1e9:.1f} GB free"
            return Finding(name, "bad", room, "Free some space; a checkpoint takes 12 bytes a parameter, and two fit.")
        rate = size / _seconds(directory, size)
    except OSError as error:
        return Finding(name, "bad", error.strerror or str(error), "Give a directory in which you may write.")
    found = f"{rate / 1e6:,.0f} MB/s, {free / 1e9:,.0f} GB free"
    slow = "Checkpoints will hold up training: write elsewhere, or less often (`--trainer.checkpoint_every`)."
    return Finding(name, "look", found, slow) if rate < SLOW_WRITE else Finding(name, "good", found)


def _seconds(directory: Path, size: int) -> float:
    block = os.urandom(min(BLOCK, size))  # zeros might be compressed away
    start = time.perf_counter()
    with TemporaryFile(dir=directory) as file:
        for _ in range(-(-size // len(block))):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return time.perf_counter() - start
