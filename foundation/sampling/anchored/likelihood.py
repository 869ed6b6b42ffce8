"""How likely given sequences are before given proteins: exact, in one pass each."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.errors import FoundationError
from foundation.model.anchored.batch import AnchoredBatch, Protein
from foundation.model.anchored.order import grow
from foundation.model.anchored.transformer import AnchoredTransformer

Letters = Int[Tensor, "_"]


@torch.no_grad()
def symbol_log_likelihoods(
    model: AnchoredTransformer,
    protein: Protein,
    sequences: Sequence[Letters],
    anchors: Sequence[int],
    rna: bool = True,
    batch: int = 64,
) -> list[Float[Tensor, "_"]]:
    """Nats of the left end, each letter and the right end of each sequence, float64 [n + 2].

    A model that grows from left to right has no left end: its first entry is 0, and all anchors are 0.

    Args:
        model: in evaluation mode.
        protein: read once.
        sequences: int64 [n] each, 0 to 3 for A, C, G, U; perhaps empty.
        anchors: letters to the left of the anchor of each.
        rna: RNA, else DNA.
        batch: sequences in one pass.

    Raises:
        FoundationError: not as many anchors as sequences, an anchor outside its sequence, or something that is no
            letter.
    """
    if len(anchors) != len(sequences):
        raise FoundationError(f"{len(anchors)} anchors for {len(sequences)} sequences. Give one each.")
    device = model.head.weight.device
    states = model.encode_protein(AnchoredBatch.of([protein], []).to(device))
    found: list[Tensor] = []
    for begin in range(0, len(sequences), batch):
        some = sequences[begin : begin + batch]
        pairs = zip(some, anchors[begin : begin + batch], strict=True)
        rows = [grow(letters, anchor, model.config.factorisation) for letters, anchor in pairs]
        packed = AnchoredBatch.of([protein], rows, [0] * len(rows), rna).to(device)
        logs = model(packed, states).double().log_softmax(-1).cpu().split([len(r) for r in rows])
        for letters, row, log in zip(some, rows, logs, strict=True):
            asked = torch.nonzero(row.target >= 0).flatten()
            symbols = torch.zeros(len(letters) + 2, dtype=torch.float64)
            symbols[row.place[asked] + 1] = log[asked, row.target[asked]]
            found.append(symbols)
    return found


def log_likelihood(
    model: AnchoredTransformer,
    protein: Protein,
    sequences: Sequence[Letters],
    anchors: Sequence[int],
    rna: bool = True,
    batch: int = 64,
) -> Float[Tensor, "sequences"]:
    """Nats of each sequence with its anchor, float64: the logarithm of the probability that it is drawn so.

    Arguments and errors as in `symbol_log_likelihoods`.
    """
    each = symbol_log_likelihoods(model, protein, sequences, anchors, rna, batch)
    return torch.stack([symbols.sum() for symbols in each]) if each else torch.zeros(0, dtype=torch.float64)


def marginal_log_likelihood(
    model: AnchoredTransformer, protein: Protein, sequences: Sequence[Letters], rna: bool = True, batch: int = 64
) -> Float[Tensor, "sequences"]:
    """Nats of each sequence averaged over its n + 1 places for the anchor, as probabilities, float64.

    Adding log(n + 1) gives the probability that the sequence is drawn with any anchor. A model that grows from left to
    right knows one place only. Arguments and errors as in `symbol_log_likelihoods`.
    """
    single = model.config.factorisation == "left_to_right"
    places = [1 if single else len(letters) + 1 for letters in sequences]
    repeated = [letters for letters, count in zip(sequences, places, strict=True) for _ in range(count)]
    anchors = [anchor for count in places for anchor in range(count)]
    each = log_likelihood(model, protein, repeated, anchors, rna, batch).split(places)
    means = [part.logsumexp(0) - math.log(len(part)) for part in each]
    return torch.stack(means) if means else torch.zeros(0, dtype=torch.float64)
