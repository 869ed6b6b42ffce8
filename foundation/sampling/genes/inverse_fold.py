"""The `genes inverse-fold` verb: protein sequences for the backbone and the surface of a structure."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from foundation.data.biology.surface import SURFACE
from foundation.data.formats.fasta_writer import Entry, write_fasta
from foundation.data.formats.structure import read_structure
from foundation.errors import FoundationError
from foundation.model.stored import locate
from foundation.progress import track
from foundation.sampling.choose import Choice
from foundation.sampling.genes.refill import Refill, Way, recovery
from foundation.sampling.genes.target import FREE, SHOWN, Wishes, target_of
from foundation.sampling.genes.trained import tracks_model
from foundation.sampling.trained import trained_policy


def inverse_fold(
    model: str, structure: Path, *, out: Path, chain: str = "", given: Sequence[str] = (),
    ways: Sequence[Way] = ("confidence",), n: int = 8, wishes: Wishes = Wishes(),  # noqa: B008  frozen
    choice: Choice = Choice(), steps: int = 8, seed: int = 0, device: str = "cpu",  # noqa: B008  frozen
) -> None:  # fmt: skip
    """Design protein sequences for a backbone and its surface.

    Structure tokens, accessible areas and DSSP's states of one chain, among all that the file has, and the shape,
    charge, hydropathy and hydrogen bonds of its own surface, if the model was trained with them, are shown to a model
    of tracks, which draws the letters. Designs are ranked by their mean log-likelihood a residue. Residues without N,
    CA and C keep the letters of the file. Writes designs.fasta, results.json and report.html, where designs stand
    beside the sequence of the file and its letters in random order.

    Example:
        foundation genes inverse-fold runs/proteins/model/export target.cif --chain A --n 20 --out runs/designed \\
            --ways '[one-shot, confidence, shuffled]' --wishes.fixed 45,48-52 --wishes.omit C --choice.temperature 0.5

    Args:
        model: directory of an exported model of tracks with its tokenizers, or a hub name.
        structure: PDB or mmCIF file.
        out: directory to write.
        chain: the name its authors gave the chain; empty = the only protein.
        given: what is shown; empty = of prot_struct, sasa, dssp and the tracks of the surface (masif_...) those that
            the model has.
        ways: one-shot; random or confidence: in so many steps in this order; for comparison shuffled: the letters of
            the file in random order.
        n: designs of each way.
        wishes: letters that stay, by template or by number, and letters that are never drawn.
        choice: temperature, top_k and top_p.
        steps: passes of the model for a design, and for its likelihood.
        seed: of the first design of each way; the others count from it.
        device: where the model runs.

    Raises:
        FoundationError: no such chain, no backbone, or a model that was not trained for it.
    """
    if n < 1 or steps < 1 or not ways:
        raise FoundationError(f"n {n}, steps {steps}, ways {list(ways)}. Give 1 or more of each.")
    network = tracks_model(model, device)
    names = [s.name for s in network.spaces]
    target = target_of(read_structure(structure), chain, wishes, surface=bool({*SURFACE} & {*(given or names)}))
    shown = tuple(given) or tuple(name for name in SHOWN if name in names and name in target.records)
    trained = trained_policy(locate(model)).support(names)
    refill = Refill(network, trained, target, shown, choice, steps, wishes.omit)
    designs: dict[Way, list[Design]] = {
        way: designed(refill, way, n, seed) for way in track(list(ways), "design", len(ways))
    }
    write_fasta(out / "designs.fasta", _entries(target.name, designs))
    from foundation.sampling.genes.inverse_report import write_inverse  # matplotlib

    settings = {"model": model, "structure": str(structure), "chain": target.name, "shown": list(shown), "n": n}
    write_inverse(refill, designs, {**settings, "steps": steps, "seed": seed, **asdict(choice), **asdict(wishes)}, out)
    lacking = int((~target.there).sum())
    print(
        f"{target.name}: {int(target.designed.sum())} residues designed, {lacking} without a backbone", file=sys.stderr
    )


@dataclass(frozen=True)
class Design:
    """A sequence for the whole molecule.

    Args:
        letters: designed or kept; X where the file tells nothing.
        seed: of its chance.
        log_likelihood: nats, mean over the designed residues.
        recovery: share of these that have the letter of the file.
    """

    letters: str
    seed: int
    log_likelihood: float
    recovery: float


def designed(refill: Refill, way: Way, n: int, seed: int) -> list[Design]:
    """n designs of a way, the likeliest first."""
    found = refill.drawn(way, n, seed)
    scores = refill.likelihoods(found)
    made = [
        Design(letters, seed + i, float(score), recovery(refill.target, letters))
        for i, (letters, score) in enumerate(zip(found, scores, strict=True))
    ]
    return sorted(made, key=lambda d: -d.log_likelihood)


def native_likelihood(refill: Refill) -> float:
    """Of the sequence of the file; NaN if it does not tell all designed letters."""
    own = np.array(list(refill.target.native))[refill.target.designed]
    return float("nan") if FREE in own else float(refill.likelihoods([refill.target.native])[0])


def _entries(name: str, designs: dict[Way, list[Design]]) -> Iterator[Entry]:
    for way, some in designs.items():
        for rank, d in enumerate(some, 1):
            numbers = {"log_likelihood": d.log_likelihood, "recovery": d.recovery}
            told = [("way", way), ("seed", str(d.seed)), *((key, f"{x:.4f}") for key, x in numbers.items())]
            yield f"{name}_{way}_{rank}", d.letters, told
