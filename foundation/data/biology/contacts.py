"""Contacts: which residues of proteins lie near which of nucleic acids."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int

from foundation.data.biology.names import is_name
from foundation.data.biology.structure import NUCLEIC, ResidueKind, Structure
from foundation.errors import FoundationError

DISTANCE = 5.0  # Å between heavy atoms
IDENTITY = np.eye(3, 4)


class Atoms(NamedTuple):
    """Some heavy atoms: the residue and the place in Å of each."""

    residue: Int[np.ndarray, "n"]
    places: Float64[np.ndarray, "n 3"]


def protein_nucleic_contacts(
    structure: Structure, distance: float = DISTANCE, symmetry: bool = False
) -> Int[np.ndarray, "pairs 2"]:
    """Pairs (residue of a protein, residue of DNA or RNA) with two heavy atoms within a distance, each pair once.

    Modified residues of polymers take part, ligands and waters do not.

    Args:
        structure: of any chains.
        distance: Å, included.
        symmetry: in a crystal, also count contacts with its other copies of the nucleic acid. They complete a duplex
            of which the file has one strand, but some are accidents of packing.

    Returns:
        Indices of residues in `structure`, sorted; none if it lacks either kind.

    Raises:
        FoundationError: a distance that is not positive.
    """
    if not distance > 0:
        raise FoundationError(f"A contact distance of {distance} Å. Give a positive one, such as {DISTANCE:g}.")
    heavy = ~(is_name(structure.element, "H") | is_name(structure.element, "D"))
    protein, nucleic = _atoms(structure, heavy, "protein"), _atoms(structure, heavy, *NUCLEIC)
    found = [np.zeros((0, 2), np.int64)]
    if len(protein.residue) and len(nucleic.residue):
        copies = _copies(structure, protein, nucleic, distance) if symmetry else [nucleic.places]
        found += [_near(protein, nucleic._replace(places=places), distance) for places in copies]
    return np.unique(np.concatenate(found), axis=0)


def _atoms(structure: Structure, heavy: Bool[np.ndarray, "atoms"], *kinds: ResidueKind) -> Atoms:
    residue = structure.residue_of_atom
    chosen = np.flatnonzero(structure.is_kind(*kinds)[residue] & heavy)
    return Atoms(residue[chosen].astype(np.int64), structure.coordinates[chosen].astype(np.float64))


def _near(one: Atoms, other: Atoms, distance: float) -> Int[np.ndarray, "pairs 2"]:
    from scipy.spatial import KDTree

    trees = KDTree(one.places), KDTree(other.places)
    near = trees[0].sparse_distance_matrix(trees[1], distance, output_type="ndarray")
    return np.stack([one.residue[near["i"]], other.residue[near["j"]]], 1)


def _copies(structure: Structure, still: Atoms, moved: Atoms, distance: float) -> Iterator[Float64[np.ndarray, "n 3"]]:
    """Every copy of the moved atoms in the crystal whose box comes within a distance of that of the still ones."""
    if structure.cell is None or structure.images is None:
        yield moved.places
        return
    to_cell = np.linalg.inv(structure.cell)
    margin = distance * np.linalg.norm(to_cell, axis=1)  # the farthest that a step of this length goes along each edge
    inside = still.places @ to_cell.T
    low, high = inside.min(0) - margin, inside.max(0) + margin
    for operation in (IDENTITY, *structure.images):
        image = moved.places @ to_cell.T @ operation[:, :3].T + operation[:, 3]
        first, last = np.ceil(low - image.max(0)).astype(int), np.floor(high - image.min(0)).astype(int)
        for shift in product(*(range(a, b + 1) for a, b in zip(first, last, strict=True))):
            yield (image + shift) @ structure.cell.T
