"""Motif: a short RNA pattern in IUPAC letters, and the window of a sequence in which it must lie."""

import re
from dataclasses import dataclass

from foundation.errors import FoundationError

LETTERS = "ACGU"
IUPAC = {  # letter -> the nucleotides it stands for (NC-IUB 1984, doi:10.1093/nar/13.9.3021)
    "A": "A", "C": "C", "G": "G", "U": "U", "T": "U", "R": "AG", "Y": "CU", "S": "CG", "W": "AU", "K": "GU", "M": "AC",
    "B": "CGU", "D": "AGU", "H": "ACU", "V": "ACG", "N": "ACGU",
}  # fmt: skip
_WRITTEN = re.compile(r"\s*(\S+)\s*(?:@\s*(\d+)\s*-\s*(\d+)\s*)?")


@dataclass(frozen=True)
class Motif:
    """A pattern, and where it must lie.

    Args:
        letters: IUPAC, T reads as U.
        window: first and last position (from 1, both included) that all its letters must lie in; None = anywhere.

    Raises:
        FoundationError: no letters, a letter that is not IUPAC, or a window in which the motif has no room.
    """

    letters: str
    window: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "letters", iupac(self.letters))
        if self.window and not 1 <= self.window[0] <= self.window[1] - len(self.letters) + 1:
            raise FoundationError(
                f"The motif {self.letters} of {len(self.letters)} letters has no room in positions {self.window[0]} to "
                f"{self.window[1]}. Give a wider window, counted from 1."
            )

    @classmethod
    def parse(cls, text: str) -> "Motif":
        """From "UGUANAUA" or "UGUANAUA @ 10-40"."""
        found = _WRITTEN.fullmatch(text)
        if not found:
            raise FoundationError(f"Cannot read the motif {text!r}. Write it like 'UGUANAUA' or 'UGUANAUA @ 10-40'.")
        letters, first, last = found.groups()
        return cls(letters, (int(first), int(last)) if first else None)

    def __str__(self) -> str:
        return self.letters if self.window is None else f"{self.letters} @ {self.window[0]}-{self.window[1]}"

    def __len__(self) -> int:
        return len(self.letters)

    @property
    def choices(self) -> tuple[frozenset[int], ...]:
        """The letters that fit each position, as places in LETTERS."""
        return tuple(frozenset(LETTERS.index(c) for c in IUPAC[letter]) for letter in self.letters)


def iupac(text: str) -> str:
    """The letters in upper case, T as U.

    Raises:
        FoundationError: none, or one that is not IUPAC.
    """
    letters = text.upper().replace("T", "U")
    if wrong := sorted(set(letters) - set(IUPAC)):
        raise FoundationError(f"{text!r} holds {wrong[0]!r}, which is no nucleotide. Use the letters {''.join(IUPAC)}.")
    if not letters:
        raise FoundationError("A motif or template without letters. Give at least one, such as N.")
    return letters
