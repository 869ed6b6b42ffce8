"""The `design` verb: from a structure file to RNA sequences that fulfil constraints, scored, as FASTA, CSV and HTML."""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from foundation.data.biology.protein import protein_frames
from foundation.data.formats.source import FormatError
from foundation.data.formats.structure import read_structure
from foundation.errors import FoundationError
from foundation.model.anchored.batch import Protein
from foundation.model.anchored.pretrained import AnchoredModel
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.progress import track
from foundation.sampling.anchored.generate import Grown, generate
from foundation.sampling.anchored.lengths import Lengths
from foundation.sampling.choose import Choice
from foundation.sampling.design.conflict import check_satisfiable
from foundation.sampling.design.constraints import Constraints
from foundation.sampling.design.designs import Designs
from foundation.sampling.design.diversity import distinct
from foundation.sampling.design.files import write_csv, write_design_report, write_designs
from foundation.sampling.design.kept import Kept
from foundation.sampling.design.motif import LETTERS
from foundation.sampling.design.scores import can_fold, composition, folding, specificity

FASTA = (".fasta", ".fa", ".fna")
ANCHORS = 1  # stream of chance for the places of anchors


def design(
    *,
    model: str,
    structure: Path,
    out: Path,
    chain: str = "",
    n: int = 100,
    constraints: Constraints = Constraints(),  # noqa: B008  frozen
    rules: str = "",
    anchor: int | None = None,
    choice: Choice = Choice(),  # noqa: B008  frozen
    decoys: Path | None = None,
    distance: float = 0.0,
    fold: bool = True,
    rna: bool = True,
    seed: int = 0,
    batch: int = 64,
    device: str = "cpu",
    overwrite: bool = False,
) -> None:
    """Design RNA (or DNA) sequences for a protein.

    Constraints hold in every sequence by construction. Writes OUT (FASTA, scores in the headers), and beside it the
    same as .csv and a report as .html; best first, by specificity where there are decoys, else by log-likelihood a
    letter.

    Example:
        foundation design --model runs/design/export --structure target.cif --chain A --n 1000 --out designs.fasta \\
            --rules "require UGUANAUA; forbid GAAUUC; gc 0.4-0.6; length 20-40; max_homopolymer 4"

    Args:
        model: directory of an exported anchored model, or a hub name.
        structure: PDB or mmCIF file of the protein.
        out: FASTA file to write; its name ends in .fasta, .fa or .fna.
        chain: protein chains and stretches of them, such as A or A,B or A:10-85; empty = all of the file.
        n: sequences to draw.
        constraints: fields or a YAML file of them: template, require, forbid, gc, length, max_homopolymer.
        rules: the same as short text, instead of `constraints`; parts are separated by semicolons.
        anchor: letters left of the anchor in every sequence; none = as the model will have it, or, where constraints
            name positions, drawn evenly among the places that can be.
        choice: temperature, top_k and top_p.
        decoys: directory of structures of other proteins, for the specificity.
        distance: fewest edits between two kept sequences, as a fraction of their letters; 0 keeps all that differ.
        fold: fold RNA with ViennaRNA if that is installed.
        rna: false designs DNA.
        seed: of all chance; the sequences do not depend on `batch`.
        batch: sequences that grow at a time.
        device: where the model runs.
        overwrite: replace files that exist.

    Raises:
        FoundationError: constraints that no sequence fulfils, no such chain, no protein, no model, or files that exist.
    """
    files = _files(out, overwrite)
    if n < 1:
        raise FoundationError(f"n {n}. Ask for at least 1 sequence.")
    wanted = _wanted(constraints, rules)
    check_satisfiable(wanted)
    target, others = _protein(structure, chain), _decoys(decoys)
    network = AnchoredModel.from_pretrained(model, device).eval()
    drawn = composition(_Request(network, target, wanted, anchor, choice, rna, seed, batch).draw(n))
    if others:
        drawn = specificity(drawn, network, others, rna, batch)
    if fold and rna and can_fold():
        drawn = folding(drawn)
    rank = drawn.scores["specificity" if others else "per_nucleotide"]
    kept = drawn.select(distinct(drawn.sequences, rank, distance))
    settings = {"model": model, "structure": structure, "chain": chain or "all", "drawn": n, "seed": seed}
    settings |= {"anchor": anchor, **asdict(choice), "decoys": decoys, "distance": distance, "rna": rna}
    _write(files, kept, drawn, wanted, settings)


def _write(
    files: tuple[Path, Path, Path], kept: Designs, drawn: Designs, constraints: Constraints, settings: dict[str, object]
) -> None:
    """The FASTA file last: who finds it finds the others."""
    write_csv(files[1], kept)
    write_design_report(files[2], kept, drawn, f"Designs for {settings['structure']}", constraints.clauses, settings)
    write_designs(files[0], kept)
    print(f"{files[0]}: {len(kept)} of {len(drawn)} sequences kept; report: {files[2]}", file=sys.stderr)


@dataclass(frozen=True)
class _Request:
    """What to draw."""

    model: AnchoredTransformer
    protein: Protein
    constraints: Constraints
    anchor: int | None
    choice: Choice
    rna: bool
    seed: int
    batch: int

    def draw(self, n: int) -> Designs:
        """So many sequences, with the log-likelihood of each."""
        alphabet = LETTERS if self.rna else LETTERS.replace("U", "T")
        found = list(track(self._grown(n), "design", n))
        return Designs(
            tuple("".join(alphabet[i] for i in g.letters.tolist()) for g in found),
            np.array([g.number for g in found]),
            np.array([g.anchor for g in found]),
            {"log_likelihood": np.array([g.log_likelihood for g in found])},
        )

    @torch.no_grad()
    def _grown(self, n: int) -> Iterator[Grown]:
        kept = Kept(self.constraints, n, self._anchor(), np.random.default_rng((self.seed, ANCHORS)))
        least, most = self.constraints.lengths
        soft = most if self.constraints.template else None  # every end is where the template has it
        yield from generate(
            self.model, [self.protein], n, choice=self.choice, lengths=Lengths(least, most, soft), seed=self.seed,
            constraint=kept, rna=self.rna, batch=self.batch,
        )  # fmt: skip

    def _anchor(self) -> int | None:
        if self.model.config.factorisation != "left_to_right":
            return self.anchor
        if self.anchor:
            raise FoundationError(f"anchor {self.anchor}, but the model grows from left to right. Leave it out.")
        return 0


def _files(out: Path, overwrite: bool) -> tuple[Path, Path, Path]:
    """FASTA, CSV and report."""
    if out.suffix not in FASTA:
        raise FoundationError(f"out {out}. Give a name in {', '.join(FASTA)}.")
    files = out, out.with_suffix(".csv"), out.with_suffix(".html")
    for path in files:
        if path.exists() and not overwrite:
            raise FoundationError(f"{path} exists. Give another `--out`, or add `--overwrite`.")
    return files


def _wanted(constraints: Constraints, rules: str) -> Constraints:
    if rules and constraints != Constraints():
        raise FoundationError("Both `--constraints` and `--rules` are given. Give one of them.")
    return Constraints.parse(rules) if rules else constraints


def _protein(path: Path, chain: str) -> Protein:
    whole = read_structure(path)
    return Protein.of(protein_frames(whole.select(chain) if chain else whole))


def _decoys(directory: Path | None) -> list[Protein]:
    """The proteins of all files of a directory that hold one; others are named on stderr."""
    if directory is None:
        return []
    found = []
    for path in sorted(p for p in directory.glob("*") if p.is_file()):
        try:
            found.append(_protein(path, ""))
        except (FormatError, FoundationError) as error:
            print(f"left out: {error}", file=sys.stderr)
    if not found:
        raise FoundationError(f"{directory}: holds no structure of a protein. Give a directory of PDB or mmCIF files.")
    return found
