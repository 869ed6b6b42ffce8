"""generate: sequences drawn outwards from an anchor, before proteins that are read once for all their samples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from foundation.errors import FoundationError
from foundation.model.anchored.batch import Protein
from foundation.model.anchored.growth import Growth, protein_memory
from foundation.model.anchored.order import LEFT, RIGHT, coordinate
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.sampling.anchored.chance import chances
from foundation.sampling.anchored.choices import Constraint
from foundation.sampling.anchored.draft import Draft
from foundation.sampling.anchored.lengths import Lengths
from foundation.sampling.choose import Choice

SPARE = 6  # rows beside those of letters: two markers, two ends, two that are taken back


@dataclass(frozen=True, eq=False)
class Grown:
    """One drawn sequence.

    Args:
        letters: int64 [n], 0 to 3 for A, C, G, U.
        anchor: letters to the left of the anchor.
        log_likelihood: nats, of these letters with this anchor under the model itself: temperature, bounds and
            constraints do not enter.
        protein: which of the proteins.
        number: of the sample in the request.
    """

    letters: Int[Tensor, "n"]
    anchor: int
    log_likelihood: float
    protein: int
    number: int


def generate(
    model: AnchoredTransformer,
    proteins: Sequence[Protein],
    count: int,
    *,
    choice: Choice | None = None,
    lengths: Lengths | None = None,
    seed: int = 0,
    constraint: Constraint | None = None,
    rna: bool = True,
    batch: int = 64,
    first: int = 0,
) -> Iterator[Grown]:
    """Draw `count` sequences for each protein, in order: all of the first protein, then of the second, ...

    On one machine a sample depends on seed and number alone, to the last bit: not on `batch`, nor on what is drawn
    beside it. `generate(..., count=1, first=i)` of one protein is its i-th sample.

    Args:
        model: in evaluation mode; its factorisation says in which order it draws.
        choice: temperature, top-k and top-p; as predicted if None.
        lengths: bounds on the number of letters; 1 to 100 if None.
        constraint: what may be drawn; it counts the samples of this call from 0.
        rna: RNA, else DNA (with T for U).
        batch: samples that grow at a time; memory grows with it.
        first: number of the first sample, for chance.

    Raises:
        FoundationError: nothing to draw for, or a constraint that the lengths contradict.
    """
    if not proteins or count < 1 or batch < 1 or seed < 0 or first < 0:
        raise FoundationError(
            f"generate: {len(proteins)} proteins, count {count}, batch {batch}, seed {seed}, first {first}. "
            "Give at least one protein, a count and a batch of 1 or more, and a seed and a first number from 0."
        )
    choice, lengths = choice or Choice(), lengths or Lengths()
    memory, device = protein_memory(model, proteins), model.head.weight.device
    both = model.config.factorisation != "left_to_right"
    for begin in range(0, count * len(proteins), batch):
        index = torch.arange(begin, min(begin + batch, count * len(proteins)))
        chance = chances(seed, (index + first).tolist(), lengths.most + 1)
        draft = Draft(index, chance, choice, lengths, constraint, both)
        home = index // count
        growth = Growth(
            model, memory, home.to(device), torch.full_like(home, int(rna)).to(device), lengths.most + SPARE
        )
        if model.config.factorisation == "pairs":
            _draw_pairs(growth, draft)
        else:
            _draw_chain(growth, draft, both)
        for row, number in enumerate((index + first).tolist()):
            yield Grown(*draft.letters(row), float(draft.log_likelihood[row]), int(home[row]), number)


def _draw_pairs(growth: Growth, draft: Draft) -> None:
    """A symbol on each side at a time: two rows a step, the (k - 1)-th on the left and the k-th on the right."""
    active = torch.arange(len(draft.numbers))
    sides = torch.tensor([LEFT, RIGHT])
    first = _step(growth, draft, active, torch.zeros(1, dtype=torch.long), sides[1:], sides[1:])
    draft.draw(RIGHT, active, first[:, 0])
    k = 1
    while len(active := _unfinished(growth, draft, active)):
        logits = _step(growth, draft, active, torch.tensor([k - 1, k]), sides, sides)
        for side, column in ((RIGHT, 1), (LEFT, 0)):
            asked = torch.nonzero(~draft.ended[active, side]).flatten()
            draft.draw(side, active[asked], logits[asked, column])
        k += 1


def _draw_chain(growth: Growth, draft: Draft, both: bool) -> None:
    """One symbol at a time, on the other side than the last unless that has ended."""
    active = torch.arange(len(draft.numbers))
    logits = torch.empty(0)
    for marker in (RIGHT, LEFT) if both else (RIGHT,):
        at = torch.full((len(active), 1), marker)
        logits = _step(growth, draft, active, torch.zeros_like(at), at, torch.full_like(at, RIGHT))
    draft.draw(RIGHT, active, logits[:, 0])
    last = torch.full((len(active),), RIGHT)
    while len(active := _unfinished(growth, draft, active)):
        now = last[active]
        following = torch.where(draft.ended[active, 1 - now], now, 1 - now)
        logits = _step(growth, draft, active, draft.count[active, now][:, None], now[:, None], following[:, None])
        for side in (RIGHT, LEFT):
            asked = torch.nonzero((following == side) & ~draft.ended[active, side]).flatten()
            draft.draw(side, active[asked], logits[asked, 0])
        last[active] = following


def _step(growth: Growth, draft: Draft, active: Tensor, k: Tensor, side: Tensor, asked: Tensor) -> Tensor:
    """Logits after the k-th symbols of the given sides; those that a side does not have are not meant."""
    shape = len(active), k.shape[-1]
    k, side, asked = (x.expand(shape) for x in (k, side, asked))
    rows = active[:, None]
    live = (k <= draft.count[rows, side]) & ~draft.ended[active].all(1)[:, None]
    ids = draft.symbols[rows, side, k.clamp(max=draft.symbols.shape[2] - 1)]
    parts = ids, coordinate(side == LEFT, k), asked, live
    device = growth.rna.device
    return growth.step(*(part.to(device) for part in parts)).cpu()


def _unfinished(growth: Growth, draft: Draft, active: Int[Tensor, "n"]) -> Int[Tensor, "m"]:
    """The samples to go on with: finished ones are dropped once they are half, since dropping copies all caches."""
    open_ = torch.nonzero(~draft.ended[active].all(1)).flatten()
    if not len(open_) or 2 * len(open_) > len(active):
        return active[:0] if not len(open_) else active
    growth.keep(open_.to(growth.rna.device))
    return active[open_]
