"""The genetic codes: what each codon stands for, by NCBI's numbers; biopython knows them."""

from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, cast

from foundation.data.biology.sequence import NUCLEOTIDES
from foundation.errors import FoundationError

if TYPE_CHECKING:
    from Bio.Data.CodonTable import CodonTable

CODON = 3  # letters
CODONS = tuple("".join(letters) for letters in product(NUCLEOTIDES["rna"], repeat=CODON))  # AAA, AAC, ... UUU


@lru_cache
def residues(table: int) -> str:
    """One letter for each of CODONS, `*` for stops; codons that are either a residue or a stop are the residue.

    Raises:
        FoundationError: there is no such table.
    """
    code = _code(table)
    return "".join(code.forward_table.get(codon, "*") for codon in CODONS)


@lru_cache
def start_codons(table: int) -> frozenset[str]:
    """Codons at which a protein may begin; the first residue is M then, whatever the codon means elsewhere."""
    return frozenset(_code(table).start_codons)


@lru_cache
def stop_codons(table: int) -> frozenset[str]:
    """Codons at which a protein may end."""
    return frozenset(_code(table).stop_codons)


@lru_cache
def _meaning(table: int) -> dict[str, str]:
    return dict(zip(CODONS, residues(table), strict=True))


def translate(letters: str, table: int) -> str:
    """The residue of each whole codon of RNA letters, X where a letter is ambiguous."""
    meaning = _meaning(table)
    return "".join([meaning.get(letters[i : i + 3], "X") for i in range(0, len(letters) - 2, 3)])


def _code(table: int) -> "CodonTable":
    from Bio.Data import CodonTable

    if table not in CodonTable.unambiguous_rna_by_id:
        known = ", ".join(map(str, sorted(CodonTable.unambiguous_rna_by_id)))
        raise FoundationError(f"genetic code {table} is unknown; NCBI has {known}. Give one of these as `table`.")
    return cast("CodonTable", CodonTable.unambiguous_rna_by_id[table])
