"""Likelihoods against probabilities added up over every way a sequence can grow."""

import itertools
import math

import pytest
import torch

from foundation.errors import FoundationError
from foundation.model.anchored.batch import AnchoredBatch
from foundation.model.anchored.order import EOS, grow
from foundation.sampling.anchored.likelihood import log_likelihood, marginal_log_likelihood, symbol_log_likelihoods


def whole_sequences(most):
    return [(x, a) for n in range(most + 1) for x in itertools.product(range(4), repeat=n) for a in range(n + 1)]


def growths(factorisation, most):
    """Both sides outwards, with ends, of every growth at the moment it has more than `most` letters.

    From the definition of the order: a state is what each side holds and whose turn it is; a step adds one symbol, or
    with pairs one on each side, of which the first on the right comes alone.
    """
    found, states = [], [((), (), 0)]
    while states:
        left, right, step = states.pop()
        ended = {"left": left[-1:] == (EOS,), "right": right[-1:] == (EOS,)}
        if len(left) + len(right) - sum(ended.values()) > most:
            found.append((left, right))
            continue
        if factorisation == "pairs":
            asked = [s for s in ("right", "left") if not ended[s] and (step or s == "right")]
        else:
            turn = ("right", "left")[step % 2]
            asked = [s for s in (turn, "left" if turn == "right" else "right") if not ended[s]][:1]
            step = step if not asked or asked[0] == turn else step + 1
        if not asked:
            continue
        for symbols in itertools.product(range(5), repeat=len(asked)):
            grown = {"left": left, "right": right}
            for side, symbol in zip(asked, symbols, strict=True):
                grown[side] = (*grown[side], symbol)
            states.append((grown["left"], grown["right"], step + 1))
    return found


def rows_of(left, right, factorisation):
    """Of an unfinished growth: ends that are not there are cropped."""
    outwards = [s for s in left if s != EOS], [s for s in right if s != EOS]
    letters = torch.tensor([*outwards[0][::-1], *outwards[1]], dtype=torch.long)
    rows = grow(letters, len(outwards[0]), factorisation, (left[-1:] == (EOS,), right[-1:] == (EOS,)))
    assert (rows.target >= 0).sum() == len(left) + len(right)
    return rows


@pytest.mark.parametrize(("factorisation", "most"), [("pairs", 2), ("interleaved", 3)])
@torch.no_grad()
def test_probabilities_of_all_ends_and_of_all_that_go_on_make_one(factorisation, most, make_model, proteins):
    model = make_model(factorisation, ends=0.5, width=8, heads=1, dim=8, hidden=8).double()
    sequences = whole_sequences(most)
    letters = [torch.tensor(x, dtype=torch.long) for x, _ in sequences]
    ended = log_likelihood(model, proteins[0], letters, [a for _, a in sequences], batch=1000).exp().sum()
    rows = [rows_of(left, right, factorisation) for left, right in growths(factorisation, most)]
    batch = AnchoredBatch.of(proteins, rows, [0] * len(rows))
    log = model(batch).log_softmax(-1).gather(1, batch.target.clamp(min=0)[:, None])[:, 0]
    each = torch.zeros(len(rows), dtype=torch.float64).index_add(0, batch.sample, log * (batch.target >= 0))
    going = each.exp().sum()
    assert 0.05 < float(ended) < 0.95
    assert float(ended + going) == pytest.approx(1, abs=1e-9)


def test_symbols_add_up_and_batches_agree(make_model, proteins):
    model = make_model()
    letters = [torch.tensor(x) for x in ([0, 1, 2], [3], [1, 1, 2, 0, 3])]
    each = symbol_log_likelihoods(model, proteins[0], letters, [1, 0, 5], batch=2)
    assert [len(e) for e in each] == [5, 3, 7] and all((e < 0).all() for e in each)
    whole = log_likelihood(model, proteins[0], letters, [1, 0, 5])
    assert torch.allclose(torch.stack([e.sum() for e in each]), whole, atol=1e-5)
    assert log_likelihood(model, proteins[0], [], []).shape == (0,)


def test_left_to_right_has_no_left_end(make_model, proteins):
    model = make_model("left_to_right")
    (each,) = symbol_log_likelihoods(model, proteins[0], [torch.tensor([0, 1, 2])], [0])
    assert each[0] == 0 and (each[1:] < 0).all()
    letters = [torch.tensor([0, 1, 2]), torch.tensor([2])]
    wanted = log_likelihood(model, proteins[0], letters, [0, 0])
    assert torch.allclose(marginal_log_likelihood(model, proteins[0], letters), wanted, atol=1e-5)


def test_the_marginal_averages_over_all_places(make_model, proteins):
    model, letters = make_model("interleaved"), torch.tensor([0, 1, 2, 2])
    each = [float(log_likelihood(model, proteins[0], [letters], [a])) for a in range(5)]
    wanted = math.log(sum(math.exp(e) for e in each) / 5)
    assert float(marginal_log_likelihood(model, proteins[0], [letters])) == pytest.approx(wanted, abs=1e-5)


def test_as_many_anchors_as_sequences(make_model, proteins):
    with pytest.raises(FoundationError, match="2 anchors for 1 sequences"):
        log_likelihood(make_model(), proteins[0], [torch.tensor([0])], [0, 1])
