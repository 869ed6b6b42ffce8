"""Scores of designs: how likely the model finds them, here and before other proteins, and how they fold."""

import importlib.util
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from foundation.model.anchored.batch import Protein
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.progress import track
from foundation.sampling.anchored.likelihood import log_likelihood
from foundation.sampling.design.designs import Designs
from foundation.sampling.design.motif import LETTERS

FOLDING = "RNA"  # the module of ViennaRNA


def composition(designs: Designs) -> Designs:
    """With `length` in letters, `gc` as a fraction, and `per_nucleotide`, the log-likelihood in nats a letter."""
    length = np.array([len(s) for s in designs.sequences], dtype=float)
    gc = np.array([sum(letter in "GC" for letter in s) for s in designs.sequences]) / np.maximum(length, 1)
    per = designs.scores["log_likelihood"] / np.maximum(length, 1)
    return designs.with_scores(per_nucleotide=per, length=length, gc=gc)


def specificity(
    designs: Designs, model: AnchoredTransformer, decoys: Sequence[Protein], rna: bool = True, batch: int = 64
) -> Designs:
    """With `specificity`: log p(x | target) minus the log of the mean over the decoys of p(x | decoy), in nats.

    Above 0, a design is likelier before its target than before a decoy; anchors are those it was drawn with.
    """
    codes = [torch.tensor([LETTERS.index(c) for c in s.replace("T", "U")], dtype=torch.long) for s in designs.sequences]
    anchors = designs.anchor.tolist()
    each = [log_likelihood(model, decoy, codes, anchors, rna, batch) for decoy in track(decoys, "decoys", len(decoys))]
    mean = torch.stack(each).logsumexp(0) - np.log(len(decoys))
    return designs.with_scores(specificity=designs.scores["log_likelihood"] - mean.numpy())


def can_fold() -> bool:
    """Whether ViennaRNA is installed."""
    return importlib.util.find_spec(FOLDING) is not None


def folding(designs: Designs) -> Designs:
    """With `mfe`, the least free energy of RNA in kcal/mol at 37 °C by ViennaRNA, and the structures that have it."""
    fold = importlib.import_module(FOLDING).fold
    found = [fold(sequence) for sequence in track(designs.sequences, "folding", len(designs))]
    energy: Float[np.ndarray, "n"] = np.array([mfe for _, mfe in found], dtype=float)
    return Designs(
        designs.sequences,
        designs.number,
        designs.anchor,
        designs.scores | {"mfe": energy},
        tuple(structure for structure, _ in found),
    )
