"""Residues: numbers along a protein that follow from its structure: accessible area, and confidence of a prediction."""

from typing import Any

import numpy as np
from jaxtyping import Float32

from foundation.data.biology.names import as_text
from foundation.data.biology.structure import Chain, Structure
from foundation.data.biology.track import Track
from foundation.errors import FoundationError

POINTS = 100  # on the sphere of each atom
PROBE = 1.4  # Å, radius of water
AREA, CONFIDENCE = "sasa", "plddt"  # modalities of LORE


def accessible_area(structure: Structure) -> Float32[np.ndarray, "residues"]:
    """Å² of each residue that water can touch (Shrake & Rupley 1973, doi:10.1016/0022-2836(73)90011-9), by biopython.

    All atoms of the structure are in each other's way, also those of other chains and of ligands; waters are not.
    """
    from Bio.PDB.SASA import ShrakeRupley

    dry = ~structure.is_kind("water")
    entity = _entity(structure, dry)
    ShrakeRupley(probe_radius=PROBE, n_points=POINTS).compute(entity, level="R")
    areas = np.zeros(len(structure), np.float32)
    areas[dry] = [residue.sasa for residue in entity.get_residues()]
    return areas


def residue_tracks(structure: Structure, predicted: bool = False) -> dict[str, Track]:
    """Accessible area along the one protein of a structure and, if it was predicted, confidence.

    Places are those of the whole molecule; residues without atoms are missing.

    Args:
        predicted: its B factors are confidences from 0 to 100 (pLDDT).

    Raises:
        FoundationError: no protein, or several.
    """
    chains = [chain for chain in structure.polymers if chain.kind == "protein"]
    if len(chains) != 1:
        raise FoundationError(f"{structure.name or 'The structure'}: has {len(chains)} proteins, 1 is wanted.")
    tracks = {AREA: _along(structure, chains[0], accessible_area(structure), "Å²")}
    if predicted:
        means = np.add.reduceat(structure.b_factor, structure.atom_start[:-1]) / np.diff(structure.atom_start)
        tracks[CONFIDENCE] = _along(structure, chains[0], means, "")
    return tracks


def _along(structure: Structure, chain: Chain, values: np.ndarray, unit: str) -> Track:
    """Values at the places of the whole molecule, if the file tells it; else of the residues that are there."""
    inside = slice(chain.start, chain.end)
    label = structure.label[inside]
    if not chain.expected or (label < 1).any() or label.max() > len(chain.expected):
        return Track(values[inside], unit=unit)
    whole = np.full(len(chain.expected), np.nan, np.float32)
    whole[label - 1] = values[inside]
    return Track(whole, unit=unit)


def _entity(structure: Structure, kept: np.ndarray) -> Any:  # noqa: ANN401 - of Bio.PDB
    """The same atoms as biopython has them, a residue each; those of each residue keep their names."""
    from Bio.PDB.Atom import Atom
    from Bio.PDB.Chain import Chain as BioChain
    from Bio.PDB.Residue import Residue

    chain = BioChain("A")
    names, elements = (as_text(x).tolist() for x in (structure.atom_name, structure.element))
    for number in np.flatnonzero(kept).tolist():
        residue = Residue((" ", number, " "), structure.letters[number], "")
        for i in range(structure.atom_start[number], structure.atom_start[number + 1]):
            name = f"{names[i]}{i}"  # hydrogens of bad files share names
            residue.add(Atom(name, structure.coordinates[i], 0.0, 1.0, " ", name, i, elements[i] or None))
        chain.add(residue)
    return chain
