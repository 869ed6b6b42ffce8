"""VCF: substitutions of single letters, with the line each stands on; what else a file has is counted."""

from collections.abc import Iterator
from dataclasses import dataclass

from foundation.data.formats.letters import text_of
from foundation.data.formats.source import FormatError, Source

SIGN = b"##fileformat=VCF"
LETTERS = set("ACGT")


@dataclass(frozen=True)
class Substitution:
    """A letter of the forward strand that becomes another.

    Args:
        chromosome: name.
        place: counted from 0.
        old, new: one of A, C, G, T each.
        name: as the file calls it; "" without a name.
        line: of the file.
    """

    chromosome: str
    place: int
    old: str
    new: str
    name: str = ""
    line: int = 0


@dataclass
class Substitutions:
    """What a file has.

    Args:
        found: one for each alternative letter.
        others: alternatives that are no substitutions of one letter.
    """

    found: list[Substitution]
    others: int = 0


def recognises(source: Source) -> bool:
    """Whether the file says that it is VCF."""
    return source.head.startswith(SIGN)


def read_substitutions(source: Source) -> Substitutions:
    """All of a file, in its order.

    Raises:
        FormatError: it is no VCF, or a line has too few columns or no position.
    """
    if not recognises(source):
        raise FormatError(f"{source.path}: does not begin with {SIGN.decode()}. Give a VCF file, which may be gzipped.")
    read = Substitutions([])
    with text_of(source) as text:
        for number, line in enumerate(text, 1):
            if not line.startswith("#") and line.strip():
                alternatives = list(_alternatives(line, number, source))
                kept = [s for s in alternatives if {s.old, s.new} <= LETTERS]
                read.found += kept
                read.others += len(alternatives) - len(kept)
    return read


def _alternatives(line: str, number: int, source: Source) -> Iterator[Substitution]:
    cells = line.rstrip("\n").split("\t")
    if len(cells) < 5 or not cells[1].isdigit() or int(cells[1]) < 1:
        raise FormatError(
            f"{source.path}, line {number}: {line.strip()[:50]!r} is not chromosome, position from 1, name, letters "
            "and alternatives with tabs between. Mend the line."
        )
    chromosome, position, name, old = cells[:4]
    for new in cells[4].split(","):
        own = "" if name == "." else name
        yield Substitution(chromosome, int(position) - 1, old.upper(), new.upper(), own, number)
