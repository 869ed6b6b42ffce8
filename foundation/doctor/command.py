"""The `doctor` verb: checks software, GPUs, links, shards and disk, and says what to mend."""

import sys
from collections.abc import Iterator
from pathlib import Path

from torch import distributed

from foundation.doctor.devices import devices
from foundation.doctor.disks import shards, writing
from foundation.doctor.finding import Finding, merged
from foundation.doctor.links import PATIENCE, between_ranks, on_this_machine
from foundation.doctor.software import software
from foundation.errors import FoundationError
from foundation.processes import together

STYLE = {"good": "green", "look": "yellow", "bad": "red"}


def doctor(
    *,
    data: tuple[str, ...] = (),
    out: Path | None = None,
    members: int = 16,
    verify: bool = False,
    megabytes: int = 256,
) -> None:
    """Check what training needs on this machine, and on all of them under torchrun; say what to mend.

    Looks at versions, GPUs, communication between ranks (two processes are started to try it where torchrun started
    none), whether shards can be read and how fast the output directory is written. Exit status 1 if anything is bad.

    Example:
        foundation doctor --data '[tokens/train, tokens/validation]' --out runs
        torchrun --nnodes 2 --nproc-per-node 8 ... -m foundation doctor --out /shared/runs

    Args:
        data: shard directories or URLs that training will read.
        out: directory that training will write to.
        members: of each data set, read to see whether they can be.
        verify: read every byte of the data and compare checksums.
        megabytes: written to `out`, and added up between ranks.

    Raises:
        FoundationError: something is bad, or a number below 1.
    """
    if min(members, megabytes) < 1:
        raise FoundationError(f"members {members}, megabytes {megabytes}: give 1 or more of each.")
    with together(PATIENCE) as (rank, world):
        own = list(_checks(data, out, members, verify, megabytes << 20))
        own += between_ranks(megabytes << 20) if world > 1 else on_this_machine(megabytes << 20)
        everyone: list[list[Finding]] = [own]
        if world > 1:
            everyone = [[] for _ in range(world)]
            distributed.all_gather_object(everyone, own)
    if rank == 0:
        _print(merged(everyone), world)
    bad = sum(f.state == "bad" for findings in everyone for f in findings)
    if bad:
        raise FoundationError(f"{bad} checks failed; do what stands beside them, then type the same again.")


def _checks(data: tuple[str, ...], out: Path | None, members: int, verify: bool, size: int) -> Iterator[Finding]:
    yield from software()
    yield from devices()
    for where in data:
        print(f"reading {where}", file=sys.stderr, flush=True)
        yield from shards(where, members, verify)
    if out is not None:
        print(f"writing to {out}", file=sys.stderr, flush=True)
        yield writing(out, size)


def _print(findings: list[tuple[Finding, list[int]]], world: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "what", "found", "what to do", *["ranks"] * (world > 1))
    for finding, ranks in findings:
        who = ["all" if len(ranks) == world else ", ".join(map(str, ranks))] * (world > 1)
        mark = f"[{STYLE[finding.state]}]{finding.state}[/]"
        table.add_row(mark, finding.what, finding.found, finding.remedy, *who)
    Console().print(table)
