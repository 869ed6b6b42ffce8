"""Sequence: one RNA, DNA or protein as letters, validated once on construction."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from foundation.data.biology.feature import Feature
from foundation.errors import RecordError

Kind = Literal["rna", "dna", "protein"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NUCLEOTIDES = {"dna": "ACGT", "rna": "ACGU"}
AMBIGUOUS = {  # IUPAC: the letters that each code stands for, in RNA; T stands for U
    "R": "AG", "Y": "CU", "S": "CG", "W": "AU", "K": "GU", "M": "AC",
    "B": "CGU", "D": "AGU", "H": "ACU", "V": "ACG", "N": "ACGU",
}  # fmt: skip
COMPLEMENT = {
    "dna": str.maketrans("ACGTRYKMBVDH", "TGCAYRMKVBHD"),
    "rna": str.maketrans("ACGURYKMBVDH", "UGCAYRMKVBHD"),
}
LETTERS = {
    "dna": "ACGT" + "".join(AMBIGUOUS),
    "rna": "ACGU" + "".join(AMBIGUOUS),
    "protein": "ACDEFGHIKLMNPQRSTVWYBZJXUO*",  # B = D or N, Z = E or Q, J = I or L, X = any, U and O = 21st and 22nd
}
GAPS = "-.~"
MOSTLY = 0.9  # of the letters of a nucleic acid are not ambiguous; a short peptide seldom reaches this


@dataclass(frozen=True, eq=False)
class Sequence:
    """One molecule's letters, upper case.

    Args:
        letters: of the alphabet of `kind` with IUPAC ambiguity codes; a protein may hold stops, `*`. Lower case is
            taken as soft-masking: it is noted in `soft` and made upper case.
        kind: "rna", "dna" or "protein".
        name: identifier, without blanks.
        description: the rest of a title line.
        quality: int16 [n], Phred scores of a read, or None.
        soft: bool [n], where a source wrote lower case (repeats, low complexity), or None where it did not.
        features: each a Feature, or the plain tuples of one: what is known of parts of a nucleic acid, such as
            coding sequences.

    Raises:
        RecordError: no letters, gaps, letters of another alphabet, or parts of other lengths.
    """

    letters: str
    kind: Kind
    name: str = ""
    description: str = ""
    quality: np.ndarray | None = None
    soft: np.ndarray | None = None
    features: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        what = f"Sequence{f' {self.name!r}' if self.name else ''}"
        if self.kind not in KINDS:
            raise RecordError(f"{what}: kind {self.kind!r} is unknown. Use one of {', '.join(KINDS)}.")
        letters = self.letters.upper() if self.letters.isascii() else self.letters
        _check_letters(letters, self.kind, what)
        soft = self.soft
        if soft is None and letters != self.letters:
            soft = np.frombuffer(self.letters.encode(), np.uint8) >= ord("a")
        parts = {
            "letters": letters,
            "quality": _along(self.quality, "i2", len(letters), f"{what}: quality"),
            "soft": _along(soft, "?", len(letters), f"{what}: soft"),
            "features": tuple(Feature.restore(f).checked(len(letters), what) for f in self.features),
        }
        for name, part in parts.items():
            object.__setattr__(self, name, part)

    def __len__(self) -> int:
        return len(self.letters)

    @property
    def ambiguous(self) -> int:
        """Number of letters that stand for more than one; stops count as letters of their own."""
        codes = "BZJX" if self.kind == "protein" else "".join(AMBIGUOUS)
        return sum(self.letters.count(code) for code in codes)

    def transcribed(self, kind: Literal["rna", "dna"]) -> "Sequence":
        """The same strand as RNA or as DNA.

        Raises:
            RecordError: a protein has neither.
        """
        if self.kind == "protein" or kind not in NUCLEOTIDES:
            raise RecordError(f"Sequence {self.name!r} of kind {self.kind} has no {kind} strand. Give a nucleic acid.")
        old, new = ("U", "T") if kind == "dna" else ("T", "U")
        return replace(self, letters=self.letters.replace(old, new), kind=kind)

    def extract(self, feature: Feature) -> str:
        """The letters of a feature, joined in reading order; parts on the reverse strand are complemented.

        Raises:
            RecordError: the sequence is a protein.
        """
        if self.kind == "protein":
            raise RecordError(f"Sequence {self.name!r} is a protein; features are read from nucleic acids.")
        pieces = (
            self.letters[p.start : p.end] if p.strand > 0 else self._reverse(p.start, p.end) for p in feature.parts
        )
        return "".join(pieces)

    def _reverse(self, start: int, end: int) -> str:
        return self.letters[start:end].translate(COMPLEMENT[self.kind])[::-1]


def kind_of(letters: str) -> Kind:
    """What letters of an unlabelled source are: DNA or RNA if nearly all are nucleotides, otherwise protein.

    Nucleotides with neither T nor U count as DNA.
    """
    upper = letters.upper()
    plain = sum(map(upper.count, "ACGTUN"))
    if set(upper) - set(LETTERS["dna"] + "U") - set(GAPS) or plain < MOSTLY * len(upper):
        return "protein"
    return "rna" if "U" in upper and "T" not in upper else "dna"


def _check_letters(letters: str, kind: Kind, what: str) -> None:
    if not letters:
        raise RecordError(f"{what}: is empty. Leave it out.")
    wrong = sorted(set(letters) - set(LETTERS[kind]))
    if not wrong:
        return
    if set(wrong) <= set(GAPS):
        raise RecordError(f"{what}: has gaps ({' '.join(wrong)}), so it is a row of an alignment. Take the gaps out.")
    if kind != "protein" and set(wrong) <= set("TU"):
        other = "dna" if kind == "rna" else "rna"
        raise RecordError(f"{what}: {kind} has no {wrong[0]}. Give kind {other!r}, or write one of T and U throughout.")
    place = min(map(letters.index, wrong))
    raise RecordError(
        f"{what}: {letters[place]!r} at place {place + 1} is no letter of {kind}. Use {LETTERS[kind]} only."
    )


def _along(values: Iterable | None, dtype: str, length: int, what: str) -> np.ndarray | None:
    if values is None:
        return None
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.shape != (length,):
        raise RecordError(f"{what} has shape {array.shape}, there are {length} letters. Give one value a letter.")
    return array
