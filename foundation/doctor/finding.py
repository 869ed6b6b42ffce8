"""Finding: the result of one check, and how findings of many ranks are told as one list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["good", "look", "bad"]  # "look": works, but likely not as meant; "bad": training would fail


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Args:
        what: was checked.
        state: whether that is well.
        found: what was found.
        remedy: what to do about it; empty if nothing need be done.
    """

    what: str
    state: State
    found: str
    remedy: str = ""


def merged(ranks: Sequence[Sequence[Finding]]) -> list[tuple[Finding, list[int]]]:
    """Every different finding once, with the ranks that made it, in the order of the checks."""
    order = list(dict.fromkeys(f.what for findings in ranks for f in findings))
    by_finding: dict[Finding, list[int]] = {}
    for rank, findings in enumerate(ranks):
        for finding in findings:
            by_finding.setdefault(finding, []).append(rank)
    return sorted(by_finding.items(), key=lambda item: (order.index(item[0].what), item[1]))
