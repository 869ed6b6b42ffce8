"""single: a structure of one protein chain that no file holds, from the places of its atoms."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from foundation.data.biology.structure import RESIDUE_KINDS, Structure


def single_protein(
    places: Float[np.ndarray, "residues atoms 3"],
    atoms: Sequence[str],
    letters: str,
    number: Int[np.ndarray, "residues"],
    name: str = "",
    expected: str = "",
) -> Structure:
    """Chain A of these residues.

    Args:
        places: Å; NaN where a residue has no such atom.
        atoms: names, each beginning with its element.
        letters: of the residues; X is called UNK.
        number: of each residue in the whole molecule, from 1.
        name: of the structure.
        expected: letters of the whole molecule; "" if not known.
    """
    from Bio.Data.IUPACData import protein_letters_1to3

    there = np.isfinite(places).all(-1)
    residues, count = len(letters), int(there.sum())
    return Structure(
        coordinates=places[there],
        atom_name=np.broadcast_to(atoms, there.shape)[there],
        element=np.broadcast_to([atom[0] for atom in atoms], there.shape)[there],
        occupancy=np.ones(count),
        b_factor=np.zeros(count),
        altloc=np.array([""] * count),
        alternates=np.zeros(count),
        atom_start=np.cumsum([0, *there.sum(1)]),
        residue_name=np.array([protein_letters_1to3.get(letter, "UNK").upper() for letter in letters]),
        letters=letters,
        number=number,
        insertion=np.array([""] * residues),
        label=number,
        kind=np.full(residues, RESIDUE_KINDS.index("protein")),
        residue_start=np.array([0, residues]),
        author=("A",),
        chain_label=("A",),
        expected=(expected,),
        name=name,
    )
