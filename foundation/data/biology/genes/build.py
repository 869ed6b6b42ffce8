"""build: rows of a genome as record shards, some thousand transcripts at a time, so that a killed ingest goes on."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from foundation.data.biology.genes.account import Account, Problem
from foundation.data.biology.genes.inputs import Inputs
from foundation.data.biology.genes.rows import Beside, Chromosome, RowLimits, rows_of
from foundation.data.parts import ONE_SHARD, Parts
from foundation.data.records import Sample
from foundation.data.shards import write_records
from foundation.errors import FoundationError
from foundation.progress import track

PART = 2000  # transcripts, at least, of all parts but the last; a chromosome is never divided


class Build:
    """The parts of one data set of rows.

    Args:
        out: directory of the shards; a data set there is replaced when the new one is complete.
        made_of: what the rows depend on, in plain values; parts that are there are used if they are made of the same.
        inputs: genomes and annotations.
        beside: what belongs to rows beside them.
        limits: which transcripts become rows.
    """

    def __init__(
        self, out: Path, made_of: Mapping[str, Any], inputs: Inputs, beside: Beside, limits: RowLimits
    ) -> None:
        self.parts = Parts(out, made_of)
        self.inputs, self.beside, self.limits = inputs, beside, limits

    def run(self, account: Account) -> None:
        """Make what is missing, and join all parts.

        Raises:
            FoundationError: nothing makes a row; or any problem, if the account is strict. No part is left then.
        """
        transcripts, total = self.inputs.transcripts, 0
        self.parts.begin()
        try:
            for _ in track(self._made(account), f"writing {self.parts.out}", transcripts):
                pass
        except FoundationError:
            if account.strict:
                self.parts.remove()
            raise
        while total in self.parts:
            account.take(_account(self.parts.told(total)))
            total += 1
        why = account.problems[0] if account.problems else "No annotation has a transcript."
        self.parts.join(total, f"no row was made of {transcripts} transcripts, so nothing was written. {why}")

    def _made(self, account: Account) -> Iterator[None]:
        """Makes the missing parts one by one; an item for each transcript."""
        numbered = _numbered(self.inputs.chromosomes(account))
        for number, group in groupby(numbered, key=itemgetter(0)):
            own, sizes = Account(account.strict), list[int]()
            chromosomes = _counted(map(itemgetter(1), group), sizes)
            if number in self.parts:
                deque(chromosomes, maxlen=0)  # one after the other, none is kept
            else:
                make = partial(write_records, members_per_shard=ONE_SHARD)
                self.parts.write(number, self._rows(chromosomes, own), make, partial(_told, own))
            yield from [None] * sum(sizes)

    def _rows(self, chromosomes: Iterable[Chromosome], account: Account) -> Iterator[Sample]:
        for chromosome in chromosomes:
            yield from rows_of(chromosome, self.limits, self.beside, account)


def rows(inputs: Inputs, limits: RowLimits, beside: Beside, account: Account) -> Iterator[Sample]:
    """The rows of all chromosomes."""
    for chromosome in inputs.chromosomes(account):
        yield from rows_of(chromosome, limits, beside, account)


def _numbered(chromosomes: Iterable[Chromosome]) -> Iterator[tuple[int, Chromosome]]:
    """Each with the number of its part."""
    number = held = 0
    for chromosome in chromosomes:
        yield number, chromosome
        held += len(chromosome.transcripts)
        if held >= PART:
            number, held = number + 1, 0


def _counted(chromosomes: Iterable[Chromosome], sizes: list[int]) -> Iterator[Chromosome]:
    """The same, noting how many transcripts each has."""
    for chromosome in chromosomes:
        sizes.append(len(chromosome.transcripts))
        yield chromosome


def _told(account: Account) -> dict[str, Any]:
    """An account in plain values."""
    return {"rows": account.rows, "problems": [[str(p.path), *p[1:]] for p in account.problems]}


def _account(told: Mapping[str, Any]) -> Account:
    problems = [Problem(Path(path), *rest) for path, *rest in told["problems"]]
    return Account(rows=told["rows"], problems=problems)
