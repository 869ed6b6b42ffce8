"""Marginals: batches change nothing, stretches cover everything once, votes are means, answers never matter."""

from dataclasses import replace

import pytest
import torch

from foundation.batch import pack
from foundation.errors import FoundationError
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.transformer import TrackTransformer
from foundation.sampling.marginals import Question, Stretches, in_stretches, marginals, voted
from foundation.tokens import Axis, Space, Tokens, concatenate

PLACES = (Axis("place", "", 0, 1e6, 1),)
RNA, SITES, PROTEIN = (Space(n, "discrete", s, PLACES) for n, s in (("rna", 7), ("sites", 6), ("aa", 9)))
TRACK = {"rna": 1, "sites": 1, "aa": 0}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = TrackConfig(width=16, depth=1, decoder_depth=2, heads=4, hidden=24, registers=2, rotated=4)
    model = TrackTransformer(config, (RNA, SITES, PROTEIN)).double().eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.4)
    return model


def tokens(space, n, generator):
    ids = torch.randint(space.size, (n,), generator=generator)
    return Tokens.of_space(space, ids, torch.arange(n)[:, None].double(), TRACK[space.name])


def question(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    given = concatenate([tokens(PROTEIN, 5, generator), tokens(RNA, n, generator)])
    return Question(given, tokens(SITES, n, generator))


def direct(model, q):
    """One document by hand."""
    whole = concatenate([q.given, q.asked])
    reveal = torch.cat([torch.zeros(len(q.given)), torch.ones(len(q.asked))]).long()
    batch = pack([(whole, reveal)], model.spaces)
    with torch.no_grad():
        found = model.predict(model(batch), batch)[q.asked.names()[0]]
    place = batch.position[found.rows, 0]
    return found.distribution.probs[place.argsort()]


def test_a_batch_is_a_loop(model):
    questions = [question(n, n) for n in (9, 4, 12, 7)]
    for elements in (1, 40, 1000):
        for q, found in zip(questions, marginals(model, questions, elements), strict=True):
            torch.testing.assert_close(found, direct(model, q), rtol=1e-12, atol=1e-12)


def test_answers_and_their_order_do_not_matter(model):
    q = question(10)
    other = replace(q.asked, ids=(q.asked.ids + 1) % 6)
    turn = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    plain, changed, turned = marginals(model, [q, Question(q.given, other), q.of(turn)])
    assert torch.equal(plain, changed)
    torch.testing.assert_close(turned, plain[turn], rtol=1e-12, atol=1e-12)


def test_a_stretch_sees_its_own_part_of_the_track_and_answers_without_its_margins(model):
    q = question(25)
    found = in_stretches(model, [q], Stretches(10, 2))[0]
    for start, first, last in ((0, 0, 8), (6, 8, 14), (12, 14, 20), (15, 20, 25)):
        inside = torch.arange(start, start + 10)
        part = Question(
            q.given.select(torch.cat([q.given.of("aa"), q.given.of("rna")[inside]])), q.asked.select(inside)
        )
        torch.testing.assert_close(found[first:last], direct(model, part)[first - start : last - start])


def test_what_is_known_throughout_is_shown_to_every_stretch(model):
    q = question(30)
    ends = tokens(SITES, 30, torch.Generator().manual_seed(1)).select(torch.tensor([2, 28]))
    whole = replace(q, given=concatenate([q.given, ends]), asked=q.asked.select(torch.arange(3, 28)))
    found = in_stretches(model, [replace(whole, throughout=("sites",))], Stretches(10, 2))[0]
    place = whole.given.position[:, 0]
    is_rna = torch.isin(torch.arange(len(whole.given)), whole.given.of("rna"))
    second = Question(
        whole.given.select(~is_rna | ((place >= 6) & (place < 16))), whole.asked.select(torch.arange(3, 13))
    )
    torch.testing.assert_close(found[5:11], direct(model, second)[2:8])
    assert not torch.allclose(in_stretches(model, [whole], Stretches(10, 2))[0], found)


@pytest.mark.parametrize(("length", "margin"), [(0, 0), (100, 10), (25, 3)])
def test_short_tracks_are_one_stretch(model, length, margin):
    q = question(25)
    torch.testing.assert_close(in_stretches(model, [q], Stretches(length, margin))[0], direct(model, q))


def test_every_place_is_answered_for_once():
    for low, high, length, margin in ((0, 1000, 64, 10), (7, 108, 20, 9), (0, 65, 64, 0), (3, 4, 9, 1)):
        done = low
        for start, end, until in Stretches(length, margin).bounds(low, high):
            assert low <= start <= done < until <= end <= high
            assert start == low or done - start >= margin
            done = until
        assert done == high


def test_a_vote_is_the_mean_over_parts_asked_alone_and_depends_on_its_seed_alone(model):
    q = question(8)
    whole = voted(model, [q], [3], passes=2, parts=1)[0]
    torch.testing.assert_close(whole, marginals(model, [q])[0], rtol=1e-12, atol=1e-12)
    alone = torch.cat([marginals(model, [q.of(torch.tensor([i]))])[0] for i in range(8)])
    torch.testing.assert_close(voted(model, [q], [3], passes=3, parts=8)[0], alone, rtol=1e-12, atol=1e-12)
    one = voted(model, [q], [5])[0]
    both = voted(model, [question(6, 1), q], [4, 5])
    torch.testing.assert_close(both[1], one, rtol=1e-12, atol=1e-12)
    two = (voted(model, [q], [seed], passes=1)[0] for seed in (5, 6))
    assert not torch.allclose(*two, rtol=0, atol=1e-9)


def test_refusals():
    q = question(4)
    with pytest.raises(FoundationError, match="aa, rna is asked"):
        Question(q.asked, q.given)
    with pytest.raises(FoundationError, match="Nothing is asked"):
        q.of(torch.tensor([], dtype=torch.long))
    with pytest.raises(FoundationError, match="margins of 5"):
        Stretches(10, 5)
