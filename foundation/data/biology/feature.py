"""Feature: a named part of a nucleic acid, such as a coding sequence, in pieces that are read one after the other."""

from typing import Any, NamedTuple

from foundation.errors import RecordError


class Part(NamedTuple):
    """Letters start to end - 1, counted from 0, none if both are equal; strand 1 as written, -1 the other strand."""

    start: int
    end: int
    strand: int = 1


class Feature(NamedTuple):
    """A part of a sequence that a database describes. Tuples all the way down, so that files hold it as it is.

    kind: "CDS", "gene", "tRNA" and so on, as in GenBank's feature table.
    parts: in the order in which they are read.
    name: gene, locus tag or product, the first that is known.
    codon_start: letters before the first whole codon, plus 1.
    table: NCBI's number of the genetic code.
    translation: the protein that the database gives, or "".
    partial: whether it goes on before its first and after its last letter, beyond what is known.
    """

    kind: str
    parts: tuple[Part, ...]
    name: str = ""
    codon_start: int = 1
    table: int = 1
    translation: str = ""
    partial: tuple[bool, bool] = (False, False)

    @classmethod
    def restore(cls, content: "Feature | tuple[Any, ...]") -> "Feature":
        """The feature, from itself or from the plain tuples that a file gave."""
        feature = cls._make(content)
        return feature._replace(parts=tuple(map(Part._make, feature.parts)), partial=tuple(feature.partial))

    @property
    def length(self) -> int:
        """Number of letters."""
        return sum(part.end - part.start for part in self.parts)

    def checked(self, length: int, what: str) -> "Feature":
        """Itself, if it lies in a sequence of `length` letters.

        Raises:
            RecordError: it does not, has no part, or an impossible strand or reading frame.
        """
        inside = all(0 <= p.start <= p.end <= length and p.strand in (1, -1) for p in self.parts)
        if not self.parts or not inside:
            raise RecordError(
                f"{what}: feature {self.kind} has parts {[tuple(p) for p in self.parts]} of {length} letters. "
                f"Give 0 <= start <= end <= {length} and strand 1 or -1."
            )
        if self.codon_start not in (1, 2, 3):
            raise RecordError(f"{what}: feature {self.kind} has codon_start {self.codon_start}. Give 1, 2 or 3.")
        return self
