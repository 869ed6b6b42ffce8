"""Account: what became of every transcript of an annotation, so that nothing is lost without a sentence."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from foundation.errors import FoundationError
from foundation.files import write_table

PROBLEMS = "problems.csv"
SHOWN = 10  # problems that are printed; all are in the table


class Problem(NamedTuple):
    """What is wrong, where, and whether a transcript was left out because of it."""

    path: Path
    line: int
    reason: str
    lost: bool = False

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{place}: {self.reason}"


@dataclass
class Account:
    """Counts that grow while rows are made.

    Args:
        strict: stop at the first problem.
    """

    strict: bool = False
    rows: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Transcripts that were left out."""
        return sum(problem.lost for problem in self.problems)

    def note(self, path: Path, line: int, reason: str, lost: bool = False) -> None:
        """Add a problem.

        Raises:
            FoundationError: the account is strict.
        """
        problem = Problem(path, line, reason, lost)
        if self.strict:
            raise FoundationError(str(problem))
        self.problems.append(problem)

    def take(self, other: "Account") -> None:
        """Add what another account has."""
        self.rows += other.rows
        self.problems.extend(other.problems)

    def summary(self) -> Iterator[str]:
        """Lines to print: the first problems, and all counts."""
        yield from (f"{'left out' if p.lost else 'note    '}  {p}" for p in self.problems[:SHOWN])
        if len(self.problems) > SHOWN:
            yield f"... and {len(self.problems) - SHOWN} more"
        notes = len(self.problems) - self.lost
        yield f"{self.rows + self.lost} transcripts: {self.rows} rows, {self.lost} left out; {notes} notes"

    def write(self, path: Path) -> None:
        """Write all problems as a table."""
        rows = ((p.path, p.line or "", "yes" if p.lost else "no", p.reason) for p in self.problems)
        write_table(path, ("file", "line", "left_out", "reason"), rows)
