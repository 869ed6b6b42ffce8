"""Stream: windows are pure functions of seed, rank and index, and together hold what the shards hold."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch

from foundation.batch import pack
from foundation.data.shards import TokenSample, TokenShards, write_tokens
from foundation.data.stream import OrderedPass, TokenStream
from foundation.errors import FoundationError
from foundation.masking.policy import MaskingPolicy
from foundation.tokens import Space, Tokens, concatenate

NAME = Space("name", "discrete", 1000)  # one token that says which sample this is
BODY = Space("body", "discrete", 16)


@dataclass(frozen=True)
class AskSome(MaskingPolicy):
    """Asks each token of the body with a probability; the name is always given."""

    probability: float = 0.5

    def __call__(self, tokens, generator):
        asked = torch.rand(len(tokens), generator=generator) < self.probability
        asked[tokens.of("name")] = False
        return asked.long()

    def support(self, spaces):
        return frozenset()


def sample(i):
    name, body = torch.tensor([i]), torch.full((4 + i % 7,), i % 16)
    return TokenSample(f"s{i}", concatenate([Tokens.of_space(NAME, name), Tokens.of_space(BODY, body)]))


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    path = tmp_path_factory.mktemp("stream") / "tokens"
    write_tokens(map(sample, range(100)), path, (NAME, BODY), "h", samples_per_member=6, members_per_shard=5)
    return TokenShards(path)  # 17 members, the last of 4 samples


def stream(shards, rank=0, world=1, seed=3, **options):
    options = {"window": 18, "tokens_per_batch": 64} | options
    return TokenStream(shards, AskSome(), shards.spaces, seed, rank, world, **options)


def names(batch):
    """Which samples a batch holds, in order."""
    return batch.ids[batch.space == 0].tolist()


def equal(a, b):
    columns = ("ids", "space", "position", "track", "code", "offsets", "token")
    return all(torch.equal(getattr(a, c), getattr(b, c)) for c in columns)


def test_a_window_is_the_same_however_it_is_reached(shards):
    one, other = stream(shards), stream(shards)
    for _ in range(5):
        other[0]
    assert len(one[7]) == len(other[7]) and all(map(equal, one[7], other[7]))


def test_seeds_and_windows_differ(shards):
    draws = [tuple(names(stream(shards, seed=s)[w][0])) for s in (1, 2) for w in (0, 1, 6)]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_an_epoch_holds_every_sample_once_over_all_ranks(shards, world):
    streams = [stream(shards, rank, world, window=6) for rank in range(world)]  # a window is one member
    turns = [(w, r) for w in range(-(-17 * 2 // world)) for r in range(world)]  # members in global order
    drawn = [[s.key for s in streams[r].draw(w)[0]] for w, r in turns]
    for epoch in (drawn[:17], drawn[17:34]):
        assert Counter(k for keys in epoch for k in keys) == Counter(f"s{i}" for i in range(100))
    assert drawn[:17] != drawn[17:34]


def test_batches_hold_the_drawn_samples_within_the_budget(shards):
    source = stream(shards)
    samples, reveals = source.draw(2)
    batches = source[2]
    assert all(len(b) <= 64 for b in batches)
    found = sorted(n for b in batches for n in names(b))
    assert found == sorted(int(s.key[1:]) for s in samples)
    whole = pack([(s.tokens, r) for s, r in zip(samples, reveals, strict=True)], shards.spaces)
    assert sum(map(len, batches)) == len(whole)  # nothing added, nothing lost


def test_samples_are_shuffled_across_the_members_of_a_window(shards):
    keys = [int(s.key[1:]) // 6 for s in stream(shards).draw(0)[0]]
    changes = sum(a != b for a, b in pairwise(keys))
    assert len(set(keys)) == 3 and changes > 4


def test_each_draw_of_a_sample_has_a_mask_of_its_own(shards):
    source, seen = stream(shards, window=6), {}
    for window in range(17 * 6):
        for s, reveal in zip(*source.draw(window), strict=True):
            seen.setdefault(s.key, set()).add(tuple(reveal.tolist()))
    assert all(len(masks) > 1 for masks in seen.values())
    once = stream(shards, window=6).draw(0)[1]
    assert len({tuple(r[1:5].tolist()) for r in once}) > 1  # samples of one window differ from each other


def test_masks_do_not_depend_on_the_window_size(shards):
    small = {s.key: r.tolist() for w in range(3) for s, r in zip(*stream(shards, window=6).draw(w), strict=True)}
    large = {s.key: r.tolist() for s, r in zip(*stream(shards, window=18).draw(0), strict=True)}
    assert small == large


@pytest.mark.parametrize("world", [1, 2, 5])
def test_the_ordered_pass_holds_every_sample_once_in_order(shards, world):
    passes = [OrderedPass(shards, AskSome(), shards.spaces, 0, r, world, 18, 64) for r in range(world)]
    found = []
    for window in range(len(passes[0])):
        shares = [p[window] for p in passes]
        assert len({len(s) for s in shares}) == 1  # every rank takes as many steps
        found += [n for turn in zip(*shares, strict=True) for batch in turn for n in names(batch)]
    assert found == list(range(100))
    assert all(p.count() == sum(len(p[w]) for w in range(len(p))) for p in passes)


def test_the_ordered_pass_masks_alike_every_time_and_for_any_number_of_ranks(shards):
    def asked(world):
        passes = [OrderedPass(shards, AskSome(), shards.spaces, 0, r, world, 18, 64) for r in range(world)]
        batches = [b for p in passes for w in range(len(p)) for b in p[w]]
        documents = [(names(b), b.document, b.is_query, b.token) for b in batches]
        return {n: t[q & (d == i)].tolist() for ns, d, q, t in documents for i, n in enumerate(ns)}

    assert asked(1) == asked(1) == asked(3)


def test_unwanted_spaces_and_samples_without_tokens_are_left_out(tmp_path):
    only_name = [TokenSample(f"s{i}", Tokens.of_space(NAME, torch.tensor([i]))) for i in range(10)]
    write_tokens([*only_name, *map(sample, range(10, 20))], tmp_path / "t", (NAME, BODY), "h", samples_per_member=5)
    body = TokenShards(tmp_path / "t", modalities=("body",))
    batches = [b for w in range(2) for b in TokenStream(body, AskSome(), body.spaces, window=10)[w]]
    assert sum(b.documents for b in batches) == 10
    assert torch.equal(torch.cat([b.space for b in batches]).unique(), torch.tensor([0]))
    ordered = OrderedPass(body, AskSome(), body.spaces, window=5)
    assert [len(ordered[w]) for w in range(len(ordered))] == [0, 0, 1, 1]


def test_errors_before_the_first_batch(shards, tmp_path):
    with pytest.raises(FoundationError, match=r"17 members for 18 ranks.*samples_per_member` of at most 5"):
        stream(shards, world=18)
    with pytest.raises(FoundationError, match="Rank 2 of 2 ranks"):
        stream(shards, rank=2, world=2)
    write_tokens([TokenSample("a", Tokens.of_space(NAME, torch.tensor([1])))], tmp_path / "t", (NAME, BODY), "")
    with pytest.raises(FoundationError, match="holds no token of body"):
        stream(TokenShards(tmp_path / "t", modalities=("body",)))
    with pytest.raises(FoundationError, match=r"elements, more than the 8 of a batch"):
        stream(shards, tokens_per_batch=8)[0]
