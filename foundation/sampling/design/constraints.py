"""Constraints: what every designed sequence must fulfil; made by YAML, by options or by a short text."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from foundation.errors import FoundationError
from foundation.sampling.design.motif import LETTERS, Motif, iupac

LONGEST = 1000  # letters, so that a slip of the pen does not ask for gigabytes of tables
DEFAULT_LENGTH = (10, 50)


@dataclass(frozen=True)
class Constraints:
    """All hold at once in every design.

    Args:
        template: one IUPAC letter a position, such as NNNNUGUANAUANNNN; fixes the length. Empty = none.
        require: motifs that must occur, each with a window of positions if it matters: "UGUANAUA @ 10-40".
        forbid: motifs that must not occur.
        gc: least and most fraction of G and C; None = any.
        length: least and most number of letters; None = the template's, or 10 to 50.
        max_homopolymer: longest run of one letter; 0 = any.

    Raises:
        FoundationError: a letter that is no nucleotide, a range without anything in it, or a forbidden window.
    """

    template: str = ""
    require: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    gc: tuple[float, float] | None = None
    length: tuple[int, int] | None = None
    max_homopolymer: int = 0

    def __post_init__(self) -> None:
        if self.template:
            object.__setattr__(self, "template", iupac(self.template))
        for motif in self.forbidden:
            if motif.window:
                raise FoundationError(f"forbid {motif}: a forbidden motif has no window. Write it without '@'.")
        if self.gc is not None and not 0 <= self.gc[0] <= self.gc[1] <= 1:
            raise FoundationError(f"gc {self.gc[0]:g}-{self.gc[1]:g}. Give two fractions, as in 0.4-0.6.")
        for least, most in filter(None, (self.length, self.lengths)):
            if not 1 <= least <= self.lengths[0] <= self.lengths[1] <= most <= LONGEST:
                raise FoundationError(
                    f"length {least}-{most}{', template of ' + str(len(self.template)) if self.template else ''}. "
                    f"Give 1 <= least <= most <= {LONGEST}, the template's length among them."
                )
        if self.max_homopolymer < 0:
            raise FoundationError(f"max_homopolymer {self.max_homopolymer}. Give at least 1, or 0 for any.")
        self.required  # noqa: B018  its letters are checked where they are read

    @classmethod
    def parse(cls, text: str) -> "Constraints":
        """From lines or parts between semicolons: "require UGUANAUA @ 10-40; forbid GAAUUC; gc 0.4-0.6; length 30-60".

        Raises:
            FoundationError: a part that is not a name of the fields above and its value, or one that is given twice.
        """
        given: dict[str, object] = {}
        for part in filter(None, (p.strip() for p in text.replace(";", "\n").splitlines())):
            name, _, value = part.partition(" ")
            if name not in _READ:
                raise FoundationError(f"Cannot read the constraint {part!r}. Begin with one of {', '.join(_READ)}.")
            if name in given and name not in ("require", "forbid"):
                raise FoundationError(f"{name} is given twice. Give it once.")
            try:
                read = _READ[name](value.strip())
            except ValueError as error:
                raise FoundationError(f"Cannot read {value.strip()!r} in {part!r}: {error}") from error
            given[name] = (*given.get(name, ()), read) if name in ("require", "forbid") else read  # type: ignore[misc]
        return cls(**given)  # type: ignore[arg-type]

    @cached_property
    def required(self) -> tuple[Motif, ...]:
        """The motifs that must occur."""
        return tuple(Motif.parse(m) for m in self.require)

    @cached_property
    def forbidden(self) -> tuple[Motif, ...]:
        """The motifs that must not occur, too long runs among them."""
        runs = [Motif(letter * (self.max_homopolymer + 1)) for letter in LETTERS if self.max_homopolymer > 0]
        return (*(Motif.parse(m) for m in self.forbid), *runs)

    @property
    def lengths(self) -> tuple[int, int]:
        """Least and most number of letters."""
        if self.template:
            return len(self.template), len(self.template)
        return self.length or DEFAULT_LENGTH

    @property
    def positional(self) -> bool:
        """Whether it matters where in the sequence a letter stands."""
        return bool(self.template) or any(m.window for m in self.required)

    @property
    def clauses(self) -> tuple[str, ...]:
        """Each constraint on its own, in the words that `parse` reads."""
        found = [f"template {self.template}"] if self.template else []
        found += [f"require {m}" for m in self.required]
        found += [f"forbid {Motif.parse(m)}" for m in self.forbid]
        found += [f"gc {self.gc[0]}-{self.gc[1]}"] if self.gc else []
        found += [f"length {self.length[0]}-{self.length[1]}"] if self.length else []
        return (*found, *([f"max_homopolymer {self.max_homopolymer}"] if self.max_homopolymer else []))


def _range(kind: Callable[[str], float]) -> Callable[[str], tuple[float, float]]:
    def read(text: str) -> tuple[float, float]:
        least, dash, most = text.partition("-")
        return kind(least), kind(most if dash else least)

    return read


_READ: dict[str, Callable[[str], object]] = {
    "template": str,
    "require": str,
    "forbid": str,
    "gc": _range(float),
    "length": _range(int),
    "max_homopolymer": int,
}
