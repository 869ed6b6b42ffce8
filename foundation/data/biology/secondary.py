"""Secondary structure: which of DSSP's eight states each residue of a protein is in, from its hydrogen bonds.

Kabsch & Sander 1983 (doi:10.1002/bip.360221211), as mdtraj computes it.
"""

import numpy as np
from jaxtyping import Bool, Int8

from foundation.data.biology.structure import BACKBONE, Structure
from foundation.data.biology.track import UNKNOWN

STATES = tuple("BCEGHIST")
"""Bridge, coil, strand, helices of 3, 4 and 5 residues a turn, bend, turn: mkdssp's letters, with C for its blank.

The P of left-handed helices, which mkdssp has had since 2021, is a C here.
"""
ATOMS = (*BACKBONE, "O")
NANOMETRE = 10.0  # Å
BOND = 2.5  # Å from C to the next N; wider apart, the chain is broken (as in DSSP)


def secondary_structure(structure: Structure) -> Int8[np.ndarray, "residues"]:
    """Number in STATES of each residue; UNKNOWN for one that is no protein or lacks N, CA, C or O.

    Strands may pair across chains: give the whole complex, not one chain of it.
    """
    places = np.stack([structure.place(atom) for atom in ATOMS], 1)  # [R, 4, 3]
    whole = np.flatnonzero(structure.is_kind("protein") & np.isfinite(places).all((1, 2)))
    states = np.full(len(structure), UNKNOWN, np.int8)
    if len(whole):
        broken = _broken(places[whole], structure.chain_of_residue[whole])
        proline = np.array([structure.letters[i] == "P" for i in whole])
        states[whole] = _computed(places[whole], broken, proline)
    return states


def _broken(places: np.ndarray, chain: np.ndarray) -> Bool[np.ndarray, "n"]:
    """Whether a chain begins at each residue."""
    apart = np.linalg.norm(places[1:, ATOMS.index("N")] - places[:-1, ATOMS.index("C")], axis=-1)
    return np.concatenate([[True], (apart > BOND) | (chain[1:] != chain[:-1])])


def _computed(places: np.ndarray, begins: np.ndarray, proline: np.ndarray) -> Int8[np.ndarray, "n"]:
    """mdtraj's answer; of kinds of residues it matters only that proline gives no hydrogen."""
    import mdtraj
    from mdtraj.core.element import carbon, nitrogen, oxygen

    elements = dict(zip(ATOMS, (nitrogen, carbon, carbon, oxygen), strict=True))
    topology = mdtraj.Topology()
    chain = None
    for first, rigid in zip(begins, proline, strict=True):
        chain = topology.add_chain() if first or chain is None else chain
        residue = topology.add_residue("PRO" if rigid else "ALA", chain)
        for name in ATOMS:
            topology.add_atom(name, elements[name], residue)
    frame = mdtraj.Trajectory(places.reshape(1, -1, 3) / NANOMETRE, topology)
    letters = mdtraj.compute_dssp(frame, simplified=False)[0]
    return np.array([STATES.index("C" if letter == " " else letter) for letter in letters], np.int8)
