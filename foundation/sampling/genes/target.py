"""Target: a protein chain that is to be designed anew: what is shown of it, and which of its letters stay."""

from dataclasses import dataclass

import numpy as np

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.genes.layout import PROTEIN
from foundation.data.biology.genes.proteins import letters_of
from foundation.data.biology.residues import (
    AREA,
    FOLD,
    STATE,
    molecule_places,
    surface_of_chain,
    tracks_of_chain,
)
from foundation.data.biology.sequence import Sequence as Letters
from foundation.data.biology.structure import Chain, Structure
from foundation.data.biology.surface import SURFACE
from foundation.data.records import Record
from foundation.errors import FoundationError

SHOWN = (FOLD, AREA, STATE, *SURFACE)  # what a structure tells of residues, whatever they are
FREE = "X"


@dataclass(frozen=True)
class Wishes:
    """What designs have to keep.

    Args:
        template: a letter for each residue of the whole molecule, X where any may stand; empty = any everywhere.
        fixed: the author's numbers of residues that stay as they are, as in 45,48-52.
        omit: letters that are never drawn.

    Raises:
        FoundationError: a letter that is no amino acid, or none left to draw.
    """

    template: str = ""
    fixed: str = ""
    omit: str = ""

    def __post_init__(self) -> None:
        odd = set(self.template) - set(AMINO_ACIDS + FREE) | set(self.omit) - set(AMINO_ACIDS)
        if odd or set(self.omit) == set(AMINO_ACIDS):
            raise FoundationError(
                f"template {self.template!r}, omit {self.omit!r}. Give letters of {AMINO_ACIDS}, X in a template where "
                "any may stand, and leave some to draw."
            )


@dataclass(frozen=True, eq=False)
class Target:
    """One chain of L places.

    Args:
        name: of structure and chain.
        records: its tracks and letters.
        kept: a letter where it stays, X at the places that are designed.
        there: bool [L], places with a whole backbone.
        designed: bool [L], those of them that are drawn: they have no letter to keep.
    """

    name: str
    records: dict[str, Record]
    kept: str
    there: np.ndarray
    designed: np.ndarray

    @property
    def native(self) -> str:
        """Letters of the file, X where not known."""
        return self.records[PROTEIN].letters  # type: ignore[union-attr]

    def values(self, name: str) -> np.ndarray:
        """Of one of the tracks."""
        return self.records[name].values  # type: ignore[union-attr]


def target_of(structure: Structure, author: str, wishes: Wishes, surface: bool = False) -> Target:
    """A chain by the name its authors gave it; empty = the only protein. Others hide it and pair with its strands.

    Residues without a whole backbone keep the letters they have in the file, X if it does not tell them.

    Args:
        surface: also what the surface of the chain is like.

    Raises:
        FoundationError: no such protein, no backbone, or letters to keep that contradict each other or leave nothing.
    """
    chain = _chain(structure, author)
    records: dict[str, Record] = {**tracks_of_chain(structure, chain)}
    records |= surface_of_chain(structure, chain) if surface else {}
    if FOLD not in records:
        raise FoundationError(f"{structure.name} {chain.author}: no residue has N, CA and C. Give a whole backbone.")
    places, length = molecule_places(structure, chain)
    native = letters_of(structure, chain)
    records[PROTEIN] = Letters(native, "protein", structure.name)
    there = np.zeros(length, bool)
    there[places] = structure.backbone[1][chain.start : chain.end]
    stays = np.zeros(length, bool)
    if wishes.fixed:
        pieces = [piece.strip() for piece in wishes.fixed.split(",")]
        choice = ",".join(f"{chain.author}:{p if '-' in p[1:] else f'{p}-{p}'}" for p in pieces)
        stays[places] = structure.chosen(choice)[chain.start : chain.end]
    kept = _kept(native, stays, wishes, there)
    designed = there & (np.array(list(kept)) == FREE) & ~stays
    if not designed.any():
        raise FoundationError("every residue is fixed, so there is nothing to design. Fix fewer.")
    return Target(f"{structure.name}_{chain.author}", records, kept, there, designed)


def _chain(structure: Structure, author: str) -> Chain:
    chains = [c for c in structure.polymers if c.kind == "protein"]
    found = [c for c in chains if author in ("", c.author)]
    if len(found) != 1:
        there = ", ".join(f"{c.author} ({c.end - c.start} residues)" for c in chains) or "none"
        raise FoundationError(f"{structure.name}: chain {author!r} is wanted; its proteins are {there}. Name one.")
    return found[0]


def _kept(native: str, stays: np.ndarray, wishes: Wishes, there: np.ndarray) -> str:
    """Letters of the template, of fixed residues, and of those without a backbone."""
    template = wishes.template or FREE * len(native)
    if len(template) != len(native):
        raise FoundationError(f"a template of {len(template)} letters; the chain has {len(native)}. Give one for each.")
    found = []
    for place, (own, wanted) in enumerate(zip(native, template, strict=True)):
        if stays[place] and wanted not in (FREE, own):
            raise FoundationError(
                f"place {place + 1} is fixed as {own} and {wanted} in the template. Give one of both."
            )
        found.append(wanted if wanted != FREE else own if stays[place] or not there[place] else FREE)
    return "".join(found)
