"""Chain choices as people type them: "A", "A,B", "A:10-85", "A:27-27B,C"."""

import re
from dataclasses import dataclass

from foundation.errors import RecordError

Place = tuple[int, str]  # author number and insertion code
STRETCH = re.compile(r"^(-?\d+)([A-Za-z]?)-(-?\d+)([A-Za-z]?)$")
FIRST: Place = (-(10**9), "")
LAST: Place = (10**9, "")
EVERY = "~"  # sorts after every insertion code


@dataclass(frozen=True)
class Piece:
    """Residues `low` to `high`, both included, of the chain that the authors call `chain`."""

    text: str
    chain: str
    low: Place = FIRST
    high: Place = LAST


def read_choice(choice: str) -> tuple[Piece, ...]:
    """The pieces of a choice.

    "A:10-85" ends with every residue numbered 85, insertions (85A, 85B) too; "A:10-85A" ends with 85A.

    Raises:
        RecordError: it is not of the form above, or a stretch ends before it begins.
    """
    return tuple(_piece(text.strip()) for text in choice.split(","))


def _piece(text: str) -> Piece:
    chain, colon, stretch = text.partition(":")
    if chain and not colon:
        return Piece(text, chain)
    match = STRETCH.match(stretch)
    if not chain or not match:
        raise RecordError(f"The chain choice {text!r} cannot be read. Type a chain and numbers, as in A or A:10-85.")
    first, code, last, end = match.groups()
    low, high = (int(first), code), (int(last), end or EVERY)
    if low > high:
        raise RecordError(f"The stretch {text!r} ends before it begins. Type the smaller number first.")
    return Piece(text, chain, low, high)
