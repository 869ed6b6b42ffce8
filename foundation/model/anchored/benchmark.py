"""Anchored models against a plain reading of RNA-BAnG (the slow one of the tests), at the published sizes.

Generation: 20 sequences of 50 letters before a protein of 150 residues, cached and side by side, against one whole
forward pass of the sequence for every symbol and sequence, which is how the released code draws. Training: a step of 8
such complexes, against one that makes the tensor of all differences of points.
"""

from dataclasses import replace
from types import ModuleType

import torch
from torch import Tensor

from foundation.bench import Row, bytes_compared, side_by_side, slow_reading
from foundation.errors import FoundationError
from foundation.interop.rnabang import to_released
from foundation.model.anchored.batch import AnchoredBatch, Protein
from foundation.model.anchored.loss import anchored_loss
from foundation.model.anchored.order import EOS, grow
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.sampling.anchored.generate import generate
from foundation.sampling.anchored.lengths import Lengths

RESIDUES, LETTERS, SAMPLES, BATCH = 150, 50, 20, 8
NEVER = -50.0  # logit of an end, so that every sequence reaches its full length


def design_vs_published() -> list[Row]:
    """Sequences per second, training steps per second and bytes at the peak of a step."""
    slow = slow_reading("model/anchored/slow_rnabang.py")
    torch.manual_seed(0)
    model = AnchoredTransformer()
    with torch.no_grad():
        model.head.bias[EOS] = NEVER
    weights = {n: t.detach().clone() for n, t in to_released(model.state_dict(), model.config).items()}
    return [_generation(model.eval(), weights, slow), *_training(model, weights, slow)]


def _generation(model: AnchoredTransformer, weights: dict[str, Tensor], slow: ModuleType) -> Row:
    """The usual way draws one sequence at a time before a protein that is read already; ours reads it too."""
    protein, lengths = _protein(0), Lengths(LETTERS, LETTERS, LETTERS)
    with torch.no_grad():
        states = slow.protein_states(weights, *_parts(protein))

    @torch.no_grad()
    def usual() -> None:
        slow.draw_symbol_by_symbol(weights, states, LETTERS)

    def ours() -> None:
        drawn = list(generate(model, [protein], SAMPLES, lengths=lengths))
        if any(len(d.letters) != LETTERS for d in drawn):
            raise FoundationError(f"sequences of {sorted({len(d.letters) for d in drawn})} letters, not {LETTERS}.")

    name = f"{SAMPLES} sequences of {LETTERS} letters, protein of {RESIDUES}"
    row = side_by_side(name, usual, ours, 1, "sequences/s", turns=3)
    return replace(row, b=SAMPLES * row.b, ratio=SAMPLES * row.ratio)


def _training(model: AnchoredTransformer, weights: dict[str, Tensor], slow: ModuleType) -> list[Row]:
    proteins = [_protein(i) for i in range(BATCH)]
    seed = torch.Generator().manual_seed(1)
    letters = torch.randint(EOS, (BATCH, LETTERS), generator=seed)
    batch = AnchoredBatch.of(proteins, [grow(x, LETTERS // 2) for x in letters])
    leaves = {n: t.requires_grad_("freqs" not in n) for n, t in weights.items()}
    stacked = [torch.stack(part) for part in zip(*map(_parts, proteins), strict=True)]

    def usual() -> None:
        slow.training_loss(leaves, stacked, letters.tolist(), LETTERS // 2 - 1).backward()

    def ours() -> None:
        anchored_loss(model(batch), batch).backward()

    name = f"training step of {BATCH}"
    return [
        side_by_side(name, usual, ours, 1, "steps/s", turns=2),
        bytes_compared(f"{name}, memory", usual, ours),
    ]


def _protein(seed: int) -> Protein:
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(RESIDUES, 3, 3, generator=generator)).Q
    translation = torch.randn(RESIDUES, 3, generator=generator)
    residues = torch.randint(20, (RESIDUES,), generator=generator)
    return Protein(residues, rotation, translation, torch.arange(RESIDUES))


def _parts(protein: Protein) -> tuple[Tensor, ...]:
    return protein.residues, protein.rotation, protein.translation, protein.index
