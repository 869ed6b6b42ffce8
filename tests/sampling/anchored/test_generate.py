"""Drawn sequences: reproducible sample by sample, within bounds and constraints, distributed as the model says."""

import itertools
from collections import Counter

import pytest
import torch

from foundation.errors import FoundationError
from foundation.model.anchored.order import EOS, LEFT, RIGHT
from foundation.sampling.anchored.chance import chances
from foundation.sampling.anchored.generate import generate
from foundation.sampling.anchored.lengths import Lengths
from foundation.sampling.anchored.likelihood import log_likelihood
from foundation.sampling.choose import Choice

FACTORISATIONS = ["pairs", "interleaved", "left_to_right"]


def drawn(samples):
    return [(s.letters.tolist(), s.anchor, s.log_likelihood, s.protein, s.number) for s in samples]


@pytest.mark.parametrize("factorisation", FACTORISATIONS)
def test_a_batch_is_its_samples_one_by_one_bit_for_bit(factorisation, make_model, proteins):
    model, lengths = make_model(factorisation), Lengths(1, 9)
    whole = drawn(generate(model, proteins, 9, seed=7, lengths=lengths))
    assert len({tuple(s[0]) for s in whole}) > 8 and len({len(s[0]) for s in whole}) > 3
    assert drawn(generate(model, proteins, 9, seed=7, lengths=lengths, batch=7)) == whole
    for i in (0, 8):
        (alone,) = drawn(generate(model, proteins[:1], 1, seed=7, lengths=lengths, first=i))
        assert alone == whole[i]
    assert drawn(generate(model, proteins[:1], 9, seed=8, lengths=lengths)) != whole[:9]


@pytest.mark.parametrize("factorisation", FACTORISATIONS)
def test_the_likelihood_of_a_draw_is_that_of_one_pass(factorisation, make_model, proteins):
    model = make_model(factorisation)
    samples = list(generate(model, proteins, 6, lengths=Lengths(1, 15), rna=False))
    for p, protein in enumerate(proteins):
        own = [s for s in samples if s.protein == p]
        wanted = log_likelihood(model, protein, [s.letters for s in own], [s.anchor for s in own], rna=False)
        assert torch.allclose(torch.tensor([s.log_likelihood for s in own], dtype=torch.float64), wanted, atol=1e-5)


@pytest.mark.parametrize("factorisation", ["pairs", "interleaved"])
def test_draws_follow_the_likelihood(factorisation, make_model, proteins):
    """Frequencies of (sequence, anchor) against their probabilities; ends are made likely, so that few are long."""
    model, count = make_model(factorisation, ends=2.5), 600
    samples = generate(model, proteins[:1], count, lengths=Lengths(0, 20, 20), batch=300)
    seen = Counter((tuple(s.letters.tolist()), s.anchor) for s in samples)
    short = [(x, a) for n in range(3) for x in itertools.product(range(4), repeat=n) for a in range(n + 1)]
    sequences = [torch.tensor(x, dtype=torch.long) for x, _ in short]
    expected = count * log_likelihood(model, proteins[0], sequences, [a for _, a in short]).exp()
    found = torch.tensor([seen[key] for key in short], dtype=torch.float64)
    assert (expected > 10).sum() >= 5
    assert ((found - expected).abs() < 4.5 * expected.sqrt() + 1).all()


@pytest.mark.parametrize("factorisation", FACTORISATIONS)
def test_lengths_stay_in_bounds_without_a_pile(factorisation, make_model, proteins):
    model, lengths = make_model(factorisation, ends=-30.0), Lengths(3, 12, soft=6)
    found = Counter(len(s.letters) for s in generate(model, proteins[:1], 40, lengths=lengths))
    assert set(found) <= set(range(6, 13)) and max(found.values()) < 20
    hasty = make_model(factorisation, ends=30.0)
    assert {len(s.letters) for s in generate(hasty, proteins[:1], 5, lengths=lengths)} == {3}


def test_greedy_draws_are_all_alike(make_model, proteins):
    samples = drawn(generate(make_model(), proteins[:1], 4, choice=Choice(temperature=0), lengths=Lengths(1, 8)))
    assert len({tuple(s[0]) for s in samples}) == 1


class Purines:
    """Purines right of the anchor and pyrimidines left of it, no C on the left when A came last on the right."""

    def __init__(self, samples):
        self.events = [[] for _ in range(samples)]

    def side(self, sample, side):
        return [letter for where, letter in self.events[sample] if where == side]

    def log_weights(self, side, samples):
        table = torch.zeros(len(samples), 5, dtype=torch.bool)
        table[:, [0, 2] if side == RIGHT else [1, 3]] = True
        for row, s in zip(table, samples.tolist(), strict=True):
            row[EOS] = len(self.side(s, side)) >= 2
            row[1] &= self.side(s, RIGHT)[-1:] != [0]
        return table.double().log()

    def advance(self, side, samples, ids):
        for s, letter in zip(samples.tolist(), ids.tolist(), strict=True):
            assert EOS not in self.side(s, side)
            if side == LEFT and letter == 1:
                assert self.side(s, RIGHT)[-1] != 0
            self.events[s].append((side, letter))


@pytest.mark.parametrize("factorisation", ["pairs", "interleaved"])
def test_constraints_are_asked_and_told_in_order(factorisation, make_model, proteins):
    constraint = Purines(12)
    samples = list(generate(make_model(factorisation), proteins, 6, constraint=constraint, lengths=Lengths(1, 20)))
    start = [RIGHT, RIGHT, LEFT, RIGHT] if factorisation == "pairs" else [RIGHT, LEFT, RIGHT, LEFT]
    for s, sample in enumerate(samples):
        left, right = sample.letters[: sample.anchor].flip(0).tolist(), sample.letters[sample.anchor :].tolist()
        assert constraint.side(s, LEFT) == [*left, EOS] and constraint.side(s, RIGHT) == [*right, EOS]
        assert set(right) <= {0, 2} and set(left) <= {1, 3} and min(len(left), len(right)) >= 2
        assert [side for side, _ in constraint.events[s][:4]] == start


def test_contradictions_are_refused(make_model, proteins):
    with pytest.raises(FoundationError, match="Give both the same range of lengths"):
        list(generate(make_model(), proteins, 1, constraint=Purines(2), lengths=Lengths(1, 2)))
    with pytest.raises(FoundationError, match="at least one protein"):
        list(generate(make_model(), [], 1))


def test_chance_belongs_to_a_sample():
    whole = chances(3, range(5), 10)
    assert torch.equal(chances(3, [4], 10)[0], whole[4])
    assert torch.equal(chances(3, [4], 6)[0], whole[4, :6])
    assert not torch.equal(chances(4, [4], 10)[0], whole[4])
    assert float(whole.min()) >= 0 and float(whole.max()) < 1
