"""Residues as gemmi read them, reduced to one name and one place for each atom, with the letter of the parent."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from foundation.data.biology.structure import ResidueKind

if TYPE_CHECKING:
    import gemmi

DNA_NAMES = {"DA", "DC", "DG", "DT", "DU", "DI", "DN"}
NOT_POLYMER = "."


class Chosen(NamedTuple):
    """The atom that stands for all places of an atom, and the number of places left out."""

    atom: "gemmi.Atom"
    others: int


def chosen_atoms(residue: "gemmi.Residue") -> list[Chosen]:
    """One place for each atom name, in the order of the file.

    The location (altloc) with the highest mean occupancy is taken for the whole residue, so that its atoms fit
    together; the first in the alphabet if two are equal. Atoms without that location have their own highest.
    """
    places: dict[str, list[gemmi.Atom]] = {}
    for atom in residue:
        places.setdefault(atom.name, []).append(atom)
    if len(places) == len(residue):
        return [Chosen(atom, 0) for atom in residue]
    best = _best_location([atom for atoms in places.values() if len(atoms) > 1 for atom in atoms])
    return [Chosen(_one(atoms, best), len(atoms) - 1) for atoms in places.values()]


def without_variants(residues: Iterable["gemmi.Residue"]) -> Iterator[tuple["gemmi.Residue", int]]:
    """One residue for each place in a chain, and the number of atoms of other residues at the same place.

    Where a crystal holds two residues at one place, the one with the higher mean occupancy stays.
    """
    for _, same in groupby(residues, key=lambda r: (r.seqid.num, r.seqid.icode, r.label_seq, r.subchain)):
        variants = list(same)
        names = {r.name for r in variants}
        if len(names) == 1 or len(variants) == 1:  # waters may all have one number
            yield from ((residue, 0) for residue in variants)
            continue
        best = max(variants, key=lambda r: sum(a.occ for a in r) / max(len(r), 1))
        yield best, sum(len(r) for r in variants if r is not best)


def kind_of_polymer(name: str, polymer: "gemmi.PolymerType") -> ResidueKind:
    """What a residue of a polymer is; in a hybrid, and where the file does not say, its own name decides."""
    import gemmi

    types = gemmi.PolymerType
    if polymer in (types.PeptideL, types.PeptideD):
        return "protein"
    if polymer in (types.Dna, types.Rna):
        return "dna" if polymer == types.Dna else "rna"
    if polymer == types.DnaRnaHybrid:
        return "dna" if name in DNA_NAMES else "rna"
    info = gemmi.find_tabulated_residue(name)
    if info.is_amino_acid():
        return "protein"
    return "ligand" if not info.is_nucleic_acid() else "dna" if name in DNA_NAMES else "rna"


def letter_of(name: str, kind: ResidueKind) -> str:
    """One letter for a residue name; of its parent if modified (wwPDB's table, kept by biopython), else X or N."""
    from Bio.Data import PDBData

    if kind == "protein":
        letter = PDBData.protein_letters_3to1_extended.get(name, "X")
        return letter if len(letter) == 1 else "X"
    if kind in ("dna", "rna"):
        letter = PDBData.nucleic_letters_3to1_extended.get(name.ljust(3), "N")
        return letter if letter in ("A", "C", "G", "T", "U") else "N"
    return NOT_POLYMER


def _best_location(atoms: list["gemmi.Atom"]) -> str:
    occupancy: dict[str, list[float]] = {}
    for atom in atoms:
        occupancy.setdefault(atom.altloc, []).append(atom.occ)
    return min(occupancy, key=lambda letter: (-sum(occupancy[letter]) / len(occupancy[letter]), letter))


def _one(atoms: list["gemmi.Atom"], location: str) -> "gemmi.Atom":
    return next((a for a in atoms if a.altloc == location), max(atoms, key=lambda a: a.occ))
