"""Complexes: what training reads off a structure: a protein, a strand before it, and where the two touch."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Int64

from foundation.data.biology.contacts import DISTANCE, protein_nucleic_contacts
from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.protein import ProteinFrames, protein_frames
from foundation.data.biology.strand import BREAK, Strand, strand_of
from foundation.data.biology.structure import NUCLEIC, Chain, Structure


@dataclass(frozen=True, eq=False)
class Target:
    """One protein chain, or several together.

    Args:
        name: entry and chains, such as "2Q2K:A"; what a table of clusters calls it.
        frames: its residues with a whole backbone.
    """

    name: str
    frames: ProteinFrames

    @property
    def letters(self) -> str:
        """One letter a residue, X if unknown."""
        return "".join((AMINO_ACIDS + "X")[i] for i in self.frames.residues)


@dataclass(frozen=True, eq=False)
class Complex:
    """A strand before a protein.

    Args:
        target: the protein.
        strand: author id of the nucleic chain.
        letters: of the strand, A, C, G, U, and N for a break.
        rna: whether it is RNA; DNA has U for T.
        contacts: pairs (residue of `target.frames`, letter) that touch, at least one; the letter is no break.
    """

    target: Target
    strand: str
    letters: str
    rna: bool
    contacts: Int64[np.ndarray, "pairs 2"]

    @property
    def name(self) -> str:
        """Entry, protein chains and strand, such as "2Q2K:A:F"."""
        return f"{self.target.name}:{self.strand}"

    @property
    def anchors(self) -> Int64[np.ndarray, "places"]:
        """Letters that touch the protein, each once; an anchor lies after any of them."""
        return np.unique(self.contacts[:, 1])


def targets_of(structure: Structure) -> list[Target]:
    """Every protein chain that has a residue with a whole backbone."""
    complete = structure.backbone[1]
    with_backbone = [c for c in structure.polymers if c.kind == "protein" and complete[c.start : c.end].any()]
    return [_target(structure, [chain]) for chain in with_backbone]


def complexes_of(
    structure: Structure, distance: float = DISTANCE, symmetry: bool = False, together: bool = False
) -> list[Complex]:
    """Every nucleic chain with each protein chain that touches it.

    Args:
        structure: of any chains; without contacts there is no complex.
        distance: Å between heavy atoms, and
        symmetry: whether other copies in a crystal count, as in `protein_nucleic_contacts`.
        together: take all protein chains that touch a strand as one target.
    """
    pairs = protein_nucleic_contacts(structure, distance, symmetry)
    complete = structure.backbone[1]
    pairs = pairs[complete[pairs[:, 0]]]
    made = []
    for chain in (c for c in structure.polymers if c.kind in NUCLEIC):
        near = pairs[(pairs[:, 1] >= chain.start) & (pairs[:, 1] < chain.end)]
        touching = [c for c in structure.polymers if ((near[:, 0] >= c.start) & (near[:, 0] < c.end)).any()]
        for group in [touching] if together and touching else [[c] for c in touching]:
            made.append(_complex(structure, chain, strand_of(structure, chain), _target(structure, group), near))
    return [c for c in made if len(c.contacts)]


def _complex(
    structure: Structure, chain: Chain, strand: Strand, target: Target, pairs: Int[np.ndarray, "pairs 2"]
) -> Complex:
    row = np.full(len(structure), -1)
    row[target.frames.source] = np.arange(len(target.frames.source))
    contacts = np.stack([row[pairs[:, 0]], strand.place[pairs[:, 1] - chain.start]], 1).astype(np.int64)
    known = np.array([letter != BREAK for letter in strand.letters])
    contacts = contacts[(contacts[:, 0] >= 0) & known[contacts[:, 1]]]
    rna = chain.kind == "rna"
    return Complex(target, chain.author, strand.letters, rna, np.unique(contacts, axis=0))


def _target(structure: Structure, chains: list[Chain]) -> Target:
    inside = np.zeros(len(structure), bool)
    for chain in chains:
        inside[chain.start : chain.end] = True
    frames = protein_frames(structure.keep(inside))
    name = f"{structure.name}:{','.join(chain.author for chain in chains)}"
    return Target(name, frames._replace(source=np.flatnonzero(inside)[frames.source]))
