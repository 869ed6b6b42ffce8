"""The `simulate proteins` verb: structure files of proteins whose sequences depend on their folds in a known way."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.single import single_protein
from foundation.data.biology.structure import Structure
from foundation.data.formats.structure_writer import write_structure
from foundation.data.simulate.proteins.fold import draw_fold
from foundation.data.simulate.proteins.letters import draw_letters, probabilities
from foundation.errors import FoundationError
from foundation.files import whole_directory
from foundation.progress import track

ATOMS = ("N", "CA", "C", "O", "CB")
TRUTH, FILES = "truth.jsonl", "structures"


def proteins(
    out: Path = Path("runs/proteins"), proteins: int = 300, shortest: int = 50, longest: int = 120, seed: int = 0
) -> None:
    """Simulate proteins: backbones of helices, strands and loops, and sequences drawn for them.

    The letter of a residue depends on its state (propensities of Chou and Fasman), on how many residues are near
    (hydropathy of Kyte and Doolittle) and on a left-handed backbone (glycine), and on nothing else, so the best that
    any design for a backbone can recover is known. Strands are bent chains that do not pair as real ones do. OUT gets
    structures/*.cif, with N, CA, C, O and CB of each residue, and truth.jsonl, a line a protein.

    Example:
        foundation simulate proteins --out runs/proteins --proteins 400
        foundation genes proteins runs/proteins/structures --out runs/proteins/all

    Args:
        out: directory of the files; replaced when the new ones are complete.
        proteins: how many; number i of a seed is the same however many there are.
        shortest: residues of the shortest.
        longest: residues of the longest.
        seed: of everything.

    Raises:
        FoundationError: an option makes no sense, `out` holds something else, or the disk is full.
    """
    if proteins < 1 or not 2 <= shortest <= longest:
        raise FoundationError(f"{proteins} proteins of {shortest} to {longest} residues. Give 1 or more, 2 to more.")
    if out.exists() and any(out.iterdir()) and not (out / TRUTH).is_file():
        raise FoundationError(f"{out}: holds no simulated proteins, and would be replaced. Give another --out.")
    with whole_directory(out) as directory, (directory / TRUTH).open("w") as truth:
        (directory / FILES).mkdir()
        for one in track(simulated(proteins, shortest, longest, seed), "simulating proteins", proteins):
            write_structure(one.structure, directory / FILES / f"{one.structure.name}.cif")
            print(json.dumps({"protein": one.structure.name, "state": one.state, **one.best}), file=truth)
    print(f"{out}: {proteins} proteins")


@dataclass(frozen=True, eq=False)
class Simulated:
    """A protein, the states it was built with, and what the best design for its backbone would reach."""

    structure: Structure
    state: str
    best: dict[str, float]


def simulated(count: int, shortest: int = 50, longest: int = 120, seed: int = 0) -> Iterator[Simulated]:
    """Proteins by number."""
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        fold = draw_fold(int(rng.integers(shortest, longest + 1)), rng)
        p = probabilities(fold)
        letters = draw_letters(p, rng)
        own = p[np.arange(len(p)), [AMINO_ACIDS.index(letter) for letter in letters]]
        best = {"recovery": float(p.max(1).mean()), "log_likelihood": float(np.log(own).mean())}
        yield Simulated(_structure(f"protein{number}", fold.atoms, letters), fold.state, best)


def _structure(name: str, atoms: np.ndarray, letters: str) -> Structure:
    """One chain, A; glycine without its CB."""
    places = atoms.copy()
    places[[letter == "G" for letter in letters], ATOMS.index("CB")] = np.nan
    return single_protein(places, ATOMS, letters, np.arange(1, len(letters) + 1), name, letters)
