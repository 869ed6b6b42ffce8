"""Residues: what follows for each from the structure of its protein: accessible area, DSSP's state, its backbone."""

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from foundation.data.biology.names import as_text, is_name
from foundation.data.biology.secondary import ATOMS, STATES, secondary_structure
from foundation.data.biology.structure import ATOM_COLUMNS, Chain, Structure
from foundation.data.biology.surface import surface_tracks
from foundation.data.biology.track import UNKNOWN, Track
from foundation.errors import FoundationError

POINTS = 100  # on the sphere of each atom
PROBE = 1.4  # Å, radius of water
AREA, CONFIDENCE, STATE, FOLD = "sasa", "plddt", "dssp", "prot_struct"  # modalities of LORE


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


def residue_tracks(structure: Structure, predicted: bool = False) -> dict[str, Track | Structure]:
    """What is known of each residue of the one protein of a structure.

    Places are those of the whole molecule; residues without atoms are missing. Without a residue that has a whole
    backbone there is only the area.

    Args:
        predicted: its B factors are confidences from 0 to 100 (pLDDT).

    Returns:
        `sasa` in Å², `dssp`, `plddt` if it was predicted, and the backbone as a structure, `prot_struct`.

    Raises:
        FoundationError: no protein, or several.
    """
    return tracks_of_chain(structure, the_protein(structure), predicted)


def the_protein(structure: Structure) -> Chain:
    """The one protein chain.

    Raises:
        FoundationError: no protein, or several.
    """
    chains = [chain for chain in structure.polymers if chain.kind == "protein"]
    if len(chains) != 1:
        raise FoundationError(f"{structure.name or 'The structure'}: has {len(chains)} proteins, 1 is wanted.")
    return chains[0]


def tracks_of_chain(structure: Structure, chain: Chain, predicted: bool = False) -> dict[str, Track | Structure]:
    """As `residue_tracks`, of one protein chain among others, which may hide it and pair with its strands."""
    inside = slice(chain.start, chain.end)

    def along(values: np.ndarray, missing: float, **options: object) -> Track:
        return Track(_in_molecule(structure, chain, values[inside], missing), **options)  # type: ignore[arg-type]

    tracks: dict[str, Track | Structure] = {AREA: along(accessible_area(structure), np.nan, unit="Å²")}
    if predicted:
        means = np.add.reduceat(structure.b_factor, structure.atom_start[:-1]) / np.diff(structure.atom_start)
        tracks[CONFIDENCE] = along(means, np.nan)
    states = secondary_structure(structure)
    if (states[inside] != UNKNOWN).any():
        tracks[STATE] = along(states, UNKNOWN, categories=STATES)
    if structure.backbone[1][inside].any():
        tracks[FOLD] = _backbone(_alone(structure, chain))
    return tracks


def surface_of_chain(structure: Structure, chain: Chain) -> dict[str, Track]:
    """What its surface is like at each residue of one protein chain, the others being away; by the names of LORE."""
    found = surface_tracks(_alone(structure, chain))
    return {name: Track(_in_molecule(structure, chain, values, np.nan)) for name, values in found.items()}


def molecule_places(structure: Structure, chain: Chain) -> tuple[Int64[np.ndarray, "n"], int]:
    """Place of each residue of a chain in the whole molecule, from 0, and how many places that has.

    If the file does not tell, the residues that are there follow each other.
    """
    label = structure.label[chain.start : chain.end].astype(np.int64)
    if not chain.expected or (label < 1).any() or label.max() > len(chain.expected):
        return np.arange(len(label)), len(label)
    return label - 1, len(chain.expected)


def residue_count(record: Track | Structure) -> int:
    """Places of what is known along a protein; of a structure of one chain, those of the whole molecule."""
    return len(record) if isinstance(record, Track) else molecule_places(record, record.chains[0])[1]


def _in_molecule(structure: Structure, chain: Chain, values: np.ndarray, missing: float) -> np.ndarray:
    """Values of the residues of a chain at their places in the whole molecule."""
    places, length = molecule_places(structure, chain)
    whole = np.full(length, missing, values.dtype)
    whole[places] = values
    return whole


def _alone(structure: Structure, chain: Chain) -> Structure:
    """The chain without the others."""
    chosen = np.zeros(len(structure), bool)
    chosen[chain.start : chain.end] = True
    return structure.keep(chosen)


def _backbone(own: Structure) -> Structure:
    """N, CA, C and O; residues that have none of them keep their first atom, so that they count."""
    kept = np.logical_or.reduce([is_name(own.atom_name, atom) for atom in ATOMS])
    bare = np.add.reduceat(kept, own.atom_start[:-1], dtype=np.int32) == 0
    kept[own.atom_start[:-1][bare]] = True
    lengths = np.add.reduceat(kept, own.atom_start[:-1], dtype=np.int32)
    columns = {name: getattr(own, name)[kept] for name in ("coordinates", *ATOM_COLUMNS)}
    return replace(own, **columns, atom_start=np.cumsum([0, *lengths]), cell=None, images=None)


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
