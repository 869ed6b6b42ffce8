"""Strand: the letters of a nucleic acid in a structure, unseen residues too, and the place of each seen one."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from foundation.data.biology.structure import Chain, Structure

BREAK = "N"  # a letter that is not known, or a gap of unknown length


class Strand(NamedTuple):
    """Letters from 5' to 3' in RNA's alphabet, and the place of each residue of the chain among them."""

    letters: str
    place: Int64[np.ndarray, "residues"]


def strand_of(structure: Structure, chain: Chain) -> Strand:
    """The strand of a chain of DNA or RNA.

    Where the file tells the whole molecule and where residues lie in it, all its letters are taken. Elsewhere those of
    the residues, with BREAK where the author's numbers leave some out.
    """
    inside = slice(chain.start, chain.end)
    label = structure.label[inside].astype(np.int64)
    if chain.expected and (label > 0).all() and label.max() <= len(chain.expected):
        return Strand(_rna(chain.expected), label - 1)
    gaps = np.diff(structure.number[inside]) > 1
    place = np.arange(chain.end - chain.start) + np.cumsum([0, *gaps])
    letters = np.full(int(place[-1]) + 1, BREAK)
    letters[place] = list(structure.letters[inside])
    return Strand(_rna("".join(letters)), place.astype(np.int64))


def _rna(letters: str) -> str:
    return letters.replace("T", "U")
