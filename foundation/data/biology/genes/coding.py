"""Coding: the codons and the protein of a transcript, and what speaks against them (LORE, arXiv:2604.24506)."""

from typing import NamedTuple

from foundation.data.biology.genes.transcript import Transcript
from foundation.data.biology.genetic_code import CODON, start_codons, stop_codons, translate


class Coding(NamedTuple):
    """Codons without the stop, in RNA letters, and as many residues; both "" if there is no telling them.

    doubts: clauses that follow the name of a transcript.
    """

    codons: str = ""
    protein: str = ""
    doubts: tuple[str, ...] = ()


def coding_of(transcript: Transcript, letters: str, known: str = "") -> Coding:
    """What a coding sequence says.

    Args:
        letters: of the coding sequence as RNA, in reading order.
        known: the protein that a database gives, which has to be the same; "" if there is none.
    """
    letters = letters[transcript.frame :]
    if len(letters) % CODON:
        return _untold(f"codes with {len(letters)} letters, which is not a multiple of three")
    doubts = []
    if not (ends := letters[-CODON:] in stop_codons(transcript.table)) and not transcript.partial[1]:
        doubts.append(f"ends to code with {letters[-CODON:]}, which is no stop codon")
    if not (starts := letters[:CODON] in start_codons(transcript.table)) and not transcript.partial[0]:
        doubts.append(f"begins to code with {letters[:CODON]}, which is no start codon")
    codons = letters[:-CODON] if ends else letters
    protein = translate(codons, transcript.table)
    if starts and not transcript.partial[0] and codons:
        protein = "M" + protein[1:]
    if "*" in protein:
        return _untold(f"has a stop codon as its codon {protein.index('*') + 1} of {len(protein)}")
    if known and _differ(known, protein):
        return _untold(f"codes for a protein of {len(protein)} residues that is not the one given, of {len(known)}")
    return Coding(codons, protein, tuple(doubts))


def _untold(doubt: str) -> Coding:
    return Coding(doubts=(f"{doubt}; its row has no codons and no protein",))


def _differ(known: str, protein: str) -> bool:
    """Residues that either side does not know are no difference."""
    known = known.rstrip("*").upper()
    return len(known) != len(protein) or any(a != b and "X" not in (a, b) for a, b in zip(known, protein, strict=True))
