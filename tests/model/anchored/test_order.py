"""The order of growth, against the published mask and targets on the published arrangement of the sequence."""

import itertools

import pytest
import torch

from foundation.errors import FoundationError
from foundation.masking import AnchoredOutward, LeftToRight
from foundation.model.anchored.order import CNTL, CNTR, EOS, LEFT, RIGHT, grow
from foundation.tokens import Axis, Space, Tokens

PLACES = [(n, anchor) for n in range(7) for anchor in range(n + 1)]
LETTER = Space("letter", "discrete", 5, (Axis("letter", "nucleotide", -9, 9, 1),))


def letters(n):
    return torch.randint(4, (n,), generator=torch.Generator().manual_seed(n))


def published(x, contact):
    """Symbols, visibility and targets of <eos> x_0 ... x_c <cntl> <cntr> ... <eos>, by the published formula."""
    n, ct = len(x), contact + 2
    symbols = [EOS, *x[: contact + 1].tolist(), CNTL, CNTR, *x[contact + 1 :].tolist(), EOS]
    sees = torch.zeros(n + 4, n + 4, dtype=torch.bool)
    for i, j in itertools.product(range(n + 4), repeat=2):
        sees[i, j] = (2 * ct - i + 2 <= j <= i) if i > ct else (i <= j <= 2 * ct - i + 2)
    targets = [-1, EOS, *x.tolist(), EOS, -1]  # rows 1 to n + 2 are matched with <eos> x <eos>
    return symbols, sees, targets


def array_place(rows, contact):
    """Where each row stands in the published arrangement."""
    ct = contact + 2
    side = torch.where(rows.index > 0, ct + 1 + rows.index, ct - 1 + rows.index)
    return torch.where(rows.ids == CNTL, ct, torch.where(rows.ids == CNTR, ct + 1, side))


@pytest.mark.parametrize(("n", "contact"), [(n, c) for n in range(2, 7) for c in range(n)])
def test_pairs_are_the_published_mask(n, contact):
    x = letters(n)
    rows = grow(x, contact + 1)
    place = array_place(rows, contact)
    symbols, sees, targets = published(x, contact)
    assert len(set(place.tolist())) == len(rows) >= n + 2
    assert rows.ids.tolist() == [symbols[p] for p in place]
    assert torch.equal(rows.group[:, None] >= rows.group[None, :], sees[place][:, place])
    assert rows.target.tolist() == [targets[p] for p in place]
    left_out = set(range(n + 4)) - set(place.tolist())
    assert all(targets[p] == -1 for p in left_out)  # only ends that nobody who predicts can see
    assert not any(sees[q, p] and targets[q] >= 0 for p in left_out for q in range(n + 4))


def test_first_groups_of_pairs():
    rows = grow(torch.tensor([0, 1, 2, 3]), 2)
    assert rows.ids.tolist() == [CNTR, 2, CNTL, 3, 1, EOS, 0]
    assert rows.group.tolist() == [0, 1, 1, 2, 2, 3, 3]
    assert rows.index.tolist() == [1, 1, 0, 2, 0, 3, -1]


@pytest.mark.parametrize("factorisation", ["pairs", "interleaved"])
@pytest.mark.parametrize(("n", "anchor"), PLACES)
def test_every_symbol_is_predicted_once_by_a_row_that_cannot_see_it(n, anchor, factorisation):
    x = letters(n)
    rows = grow(x, anchor, factorisation)
    asked = rows.target >= 0
    assert sorted(rows.place[asked].tolist()) == list(range(-1, n + 1))
    whole = [EOS, *x.tolist(), EOS]
    assert rows.target[asked].tolist() == [whole[p + 1] for p in rows.place[asked]]
    assert torch.equal(rows.side[asked] == LEFT, rows.place[asked] < anchor)
    for row in torch.nonzero(asked).flatten().tolist():
        side, place = int(rows.side[row]), int(rows.place[row])
        coordinate = place - anchor + 1  # l_k at 1 - k and r_k at k, in one count
        holders = (rows.index == coordinate) & (rows.ids < CNTL)
        holders &= (rows.index <= 0) == (side == LEFT)
        assert (rows.group[holders] > rows.group[row]).all()


@pytest.mark.parametrize(("n", "anchor"), PLACES)
def test_the_interleaved_chain_is_one_chain(n, anchor):
    rows = grow(letters(n), anchor, "interleaved")
    assert rows.target.tolist()[1:-1] == rows.ids.tolist()[2:]
    assert rows.target[0] == -1 and (rows.target[1:] >= 0).all()
    assert (rows.group.diff() > 0).all()
    sides = rows.side[1 : 2 * min(anchor, n - anchor) + 1].tolist()
    assert sides == [RIGHT, LEFT] * min(anchor, n - anchor)


def test_left_to_right_is_the_usual_order():
    rows = grow(torch.tensor([2, 0, 1]), 0, "left_to_right")
    assert rows.ids.tolist() == [CNTR, 2, 0, 1] and rows.target.tolist() == [2, 0, 1, EOS]
    assert (rows.group.diff() > 0).all() and rows.place.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("factorisation", ["pairs", "interleaved"])
@pytest.mark.parametrize(("n", "anchor"), PLACES[3:])
def test_a_cropped_end_is_not_predicted(n, anchor, factorisation):
    rows = grow(letters(n), anchor, factorisation, ends=(False, True))
    assert sorted(rows.place[rows.target >= 0].tolist()) == list(range(0, n + 1))
    rows = grow(letters(n), anchor, factorisation, ends=(False, False))
    assert EOS not in rows.ids and EOS not in rows.target


@pytest.mark.parametrize("factorisation", ["pairs", "interleaved"])
@pytest.mark.parametrize(("n", "anchor"), [(n, a) for n, a in PLACES if n])
def test_the_masking_policy_reveals_in_the_order_of_the_rows(n, anchor, factorisation, generator):
    position = torch.arange(1.0, n + 1).double()[:, None] - anchor
    tokens = Tokens.of_space(LETTER, letters(n), position)
    reveal = AnchoredOutward("letter", factorisation)(tokens, generator)
    rows = grow(letters(n), anchor, factorisation, ends=(False, False))
    held = {int(i): int(g) for s, i, g in zip(rows.ids, rows.index, rows.group, strict=True) if s < EOS}
    by_row = [held[c] for c in (torch.arange(n) - anchor + 1).tolist() if c in held]
    known = [r for c, r in zip((torch.arange(n) - anchor + 1).tolist(), reveal.tolist(), strict=True) if c in held]
    order = torch.unique(torch.tensor(by_row), return_inverse=True)[1]
    assert torch.equal(order, torch.unique(torch.tensor(known), return_inverse=True)[1])


def test_left_to_right_reveals_as_its_rows(generator):
    tokens = Tokens.of_space(LETTER, letters(4), torch.arange(4.0).double()[:, None])
    assert LeftToRight("letter")(tokens, generator).tolist() == [1, 2, 3, 4]


def test_refusals():
    with pytest.raises(FoundationError, match="anchor after 4 of 3 letters"):
        grow(letters(3), 4)
    with pytest.raises(FoundationError, match="Give 0 letters"):
        grow(letters(3), 1, "left_to_right")
    with pytest.raises(FoundationError, match="letters run from 0 to 4"):
        grow(torch.tensor([0, 4]), 1)
