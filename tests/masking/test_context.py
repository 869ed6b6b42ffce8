"""Context: stretches of tracks, where they lie, how they grow, and that the stream lets them grow."""

import pytest
import torch

from foundation.data.shards import TokenSample, TokenShards, write_tokens
from foundation.data.stream import OrderedPass, TokenStream
from foundation.errors import FoundationError
from foundation.masking import Mixture, Pathway, SplitTrack, Stepwise
from foundation.masking.context import Context
from foundation.tokens import Axis, Space, Tokens, concatenate

PLACES = (Axis("place", "", 0, 1e6, 1),)
SPACES = tuple(Space(name, "discrete", 9, PLACES) for name in ("rna", "cds", "aa"))


def sample(rna=50, aa=12):
    parts = ((SPACES[0], rna, 1), (SPACES[1], rna, 1), (SPACES[2], aa, 0))
    return concatenate(
        [Tokens.of_space(s, torch.zeros(n), torch.arange(n)[:, None].double(), track) for s, n, track in parts]
    )


def test_tracks_are_cut_together_and_short_ones_stay_whole():
    tokens, generator = sample(), torch.Generator().manual_seed(0)
    starts = set()
    for _ in range(300):
        kept = tokens.select(Context(20).inside(tokens, generator))
        places = [kept.position[kept.of(name), 0] for name in ("rna", "cds", "aa")]
        assert torch.equal(places[0], places[1]) and len(places[2]) == 12
        assert torch.equal(places[0], places[0][0] + torch.arange(20))
        starts.add(int(places[0][0]))
    assert starts == set(range(31))


def test_without_a_limit_all_takes_part_and_chance_is_not_used():
    tokens, generator = sample(), torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert len(Context().inside(tokens, generator)) == len(tokens)
    assert torch.equal(generator.get_state(), before)


def test_a_stretch_grows_evenly_to_its_longest():
    growing = Context(1000, first=100, samples=10)
    assert [growing.after(n).longest for n in (0, 5, 10, 1e9)] == [100, 550, 1000, 1000]
    assert Context(30).after(0) == Context(30)
    policy = SplitTrack((Pathway(asked=("rna",)),), context=growing)
    assert Mixture((policy,), (1.0,)).after(5).policies[0] == policy.after(5)
    assert Stepwise(policy).after(5).policy == policy.after(5)


def test_something_is_asked_in_every_stretch():
    tokens, generator = sample(), torch.Generator().manual_seed(0)
    policy = SplitTrack((Pathway(asked=("rna",), given=("rna",)),), context=Context(4))
    for _ in range(200):
        reveal = policy(tokens, generator)[tokens.of("rna")]
        assert (reveal >= 0).sum() == 4 and (reveal == 1).any()


def test_training_shows_longer_stretches_later_and_validation_the_longest(tmp_path):
    samples = (TokenSample(f"g{i}", sample(), {}) for i in range(40))
    write_tokens(samples, tmp_path, SPACES, "0123456789ab", total=40, samples_per_member=4)
    policy = SplitTrack((Pathway(asked=("rna",)),), context=Context(40, first=4, samples=36))
    options = {"policy": policy, "spaces": SPACES, "window": 4}
    stream = TokenStream(TokenShards(tmp_path), **options)
    asked = [[int((r == 1).sum()) for r in stream.draw(window)[1]] for window in (0, 1, 8, 9, 30)]
    assert asked == [[4] * 4, [8] * 4, [36] * 4, [40] * 4, [40] * 4]
    assert {len(b.query_rows) for b in OrderedPass(TokenShards(tmp_path), **options)[0]} == {160}


@pytest.mark.parametrize("options", [{"longest": -1}, {"longest": 4, "first": 5, "samples": 1}])
def test_refusals(options):
    with pytest.raises(FoundationError, match="numbers from 0 on"):
        Context(**options)
    with pytest.raises(FoundationError, match="both, or neither"):
        Context(10, first=5)
