"""ProteinFrames: the residues of a protein as a model reads them: kind, frame and place along the chain."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from foundation.data.biology.frames import AMINO_ACIDS, backbone_frames
from foundation.data.biology.structure import Structure
from foundation.errors import FoundationError

UNKNOWN = len(AMINO_ACIDS)  # id of a residue that is none of the 20 and descends from none
CHAIN_GAP = 200  # places between chains, so that they are no neighbours


class ProteinFrames(NamedTuple):
    """R residues with a whole backbone.

    residues: 0 to 19 as in AMINO_ACIDS, or UNKNOWN.
    rotation, translation: as `backbone_frames` gives them, centred on the mean CA of these residues.
    index: place along the chain from 0; it skips missing residues, and CHAIN_GAP between chains.
    source: which residue of the structure each one is.
    """

    residues: Int64[np.ndarray, "R"]
    rotation: Float32[np.ndarray, "R 3 3"]
    translation: Float32[np.ndarray, "R 3"]
    index: Int64[np.ndarray, "R"]
    source: Int64[np.ndarray, "R"]


def protein_frames(structure: Structure) -> ProteinFrames:
    """The protein residues of all chains that have N, CA and C; others are left out.

    Raises:
        FoundationError: there is none, or a backbone that is no backbone.
    """
    backbone, complete = structure.backbone
    source = np.flatnonzero(complete).astype(np.int64)
    if not len(source):
        raise FoundationError(_no_protein(structure))
    residues = np.array([AMINO_ACIDS.find(structure.letters[i]) for i in source], np.int64)
    index = places(structure)[source]
    return ProteinFrames(
        np.where(residues < 0, UNKNOWN, residues), *backbone_frames(backbone[source]), index - index[0], source
    )


def places(structure: Structure) -> Int64[np.ndarray, "residues"]:
    """Place of every residue along its chain; chains follow each other at a distance of CHAIN_GAP.

    A step is that of mmCIF's label_seq_id, and where the file has none that of the author's numbers, at least 1, so
    that insertion codes do not make two residues one.
    """
    found, first = np.zeros(len(structure), np.int64), 0
    for chain in structure.chains:
        inside = slice(chain.start, chain.end)
        label, number = structure.label[inside].astype(np.int64), structure.number[inside].astype(np.int64)
        steps = np.diff(label if (label > 0).all() else number)
        found[inside] = first + np.cumsum([0, *np.maximum(steps, 1)])
        first = int(found[chain.end - 1]) + CHAIN_GAP
    return found


def _no_protein(structure: Structure) -> str:
    name = structure.name or "The structure"
    protein = structure.is_kind("protein")
    if protein.any():
        return f"{name}: none of {protein.sum()} protein residues has N, CA and C. Give a file with backbone atoms."
    there = ", ".join(f"{c.author} ({c.kind})" for c in structure.polymers) or "no polymer"
    return f"{name}: has no protein, it has {there}. Choose a protein chain, or give another file."
