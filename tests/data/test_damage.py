"""Damage: bad shards are skipped, counted and reported, never in silence and never without end."""

import time
from collections import Counter

import pytest
import torch

from foundation.data import places
from foundation.data.damage import Damage
from foundation.data.loader import RankedLoader
from foundation.data.manifest import ShardError
from foundation.data.shards import TokenSample, TokenShards, write_tokens
from foundation.data.stream import OrderedPass, TokenStream
from foundation.errors import FoundationError
from foundation.masking.budget import RandomBudget
from foundation.tokens import Space, Tokens

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),  # more workers than cores: meant
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
NAME = Space("name", "discrete", 1000)  # one token that says which sample this is
POLICY = RandomBudget(1, 1)


@pytest.fixture
def path(tmp_path):
    """Ten members of four samples, in shards of 3, 3, 3 and 1 members."""
    samples = (TokenSample(f"s{i}", Tokens.of_space(NAME, torch.full((3,), i))) for i in range(40))
    write_tokens(samples, tmp_path / "t", (NAME,), "h", samples_per_member=4, members_per_shard=3)
    return tmp_path / "t"


def flip(path, member):
    """Change one byte of a member."""
    name, extents = TokenShards(path).manifest.members[member]
    content = bytearray((path / name).read_bytes())
    content[extents.arrays.offset + 9] ^= 1
    (path / name).write_bytes(content)


def truncate(path, member):
    name, extents = TokenShards(path).manifest.members[member]
    content = (path / name).read_bytes()
    (path / name).write_bytes(content[: extents.arrays.offset])


def empty(path, member):
    (path / TokenShards(path).manifest.members[member][0]).write_bytes(b"")


def remove(path, member):
    (path / TokenShards(path).manifest.members[member][0]).unlink()


def loader(path, unreadable, batches=10, workers=0, rank=0, world=1):
    shards = TokenShards(path, unreadable=unreadable)
    stream = TokenStream(shards, POLICY, shards.spaces, 0, rank, world, window=4, tokens_per_batch=64)
    return RankedLoader(stream, batches, workers)


def names(batches):
    return Counter(n for batch in batches for n in set(batch.ids.tolist()))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_member_with_a_flipped_byte_is_skipped_counted_and_reported_once(path, workers, capfd):
    flip(path, 4)
    reading = loader(path, 0.1, batches=18, workers=workers)  # two epochs of the other nine
    assert names(reading) == Counter({n: 2 for n in range(40) if n // 4 != 4})
    assert reading.damage.known == {4}
    said = capfd.readouterr().err
    assert said.count("skipped 1 of 10 members, 1 so far") == 1 and "member 4 is corrupt" in said


@pytest.mark.parametrize("harm", [truncate, empty, remove])
def test_a_shard_that_is_cut_empty_or_absent_is_reported_before_the_first_step(path, harm, capfd):
    harm(path, 3)
    with pytest.raises(ShardError, match=r"shard-000001.tar: .*Copy it again"):
        TokenShards(path)
    with pytest.raises(ShardError, match=r"^3 of 10 members.*`--data.unreadable 0.2` tolerates 2.*shard-000001.tar"):
        TokenShards(path, unreadable=0.2)
    capfd.readouterr()
    reading = loader(path, 0.3, batches=7)
    assert "skipped 3 of 10 members, 3 so far" in capfd.readouterr().err
    assert names(reading) == Counter({n: 1 for n in range(40) if n // 4 not in (3, 4, 5)})


def test_a_shard_that_vanishes_during_the_run_is_skipped(path, capfd):
    reading = loader(path, 0.3, batches=7)
    remove(path, 3)
    assert set(names(reading)) == {n for n in range(40) if n // 4 not in (3, 4, 5)}
    assert "cannot be read (No such file or directory)" in capfd.readouterr().err


@pytest.mark.parametrize("workers", [0, 2])
def test_more_than_the_threshold_ends_the_run(path, workers):
    for member in (0, 4, 8):
        flip(path, member)
    reading = iter(loader(path, 0.2, batches=20, workers=workers))
    with pytest.raises(ShardError, match=r"^3 of 10 members cannot be read.*0.2` tolerates 2.*member \d is corrupt"):
        list(reading)


def test_by_default_of_the_stream_one_is_too_many(path):
    flip(path, 0)
    with pytest.raises(ShardError, match=r"member 0 is corrupt"):
        list(loader(path, 0.0))


def test_a_validation_pass_never_skips(path):
    flip(path, 5)
    shards = TokenShards(path, unreadable=0.5)
    ordered = OrderedPass(shards, POLICY, shards.spaces, window=4, tokens_per_batch=64)
    with pytest.raises(ShardError, match="member 5 is corrupt"):
        [ordered[w] for w in range(len(ordered))]


def test_the_count_is_that_of_all_ranks_and_outlives_a_restart(path, capfd):
    for member in (0, 4, 8):
        flip(path, member)
    first = loader(path, 0.2, batches=1)
    state = first.state_dict()
    state["ranks"] = [state["ranks"][0] | {"unreadable": [0, 4]}, state["ranks"][0] | {"unreadable": [8]}]
    resumed = loader(path, 0.2, batches=9, world=1)
    resumed.load_state_dict(state)
    assert resumed.damage.known == {0, 4, 8}
    with pytest.raises(ShardError, match=r"^3 of 10 members cannot be read"):
        list(resumed)
    assert "skipped" not in capfd.readouterr().err  # reported by who found them


def test_a_run_with_a_bad_member_resumes_where_it_stood(path):
    flip(path, 4)
    whole = [b.ids.tolist() for b in loader(path, 0.1, batches=12)]
    stopped = loader(path, 0.1, batches=12)
    running = iter(stopped)
    seen = [next(running).ids.tolist() for _ in range(5)]
    resumed = loader(path, 0.1, batches=12)
    resumed.load_state_dict(stopped.state_dict())
    assert seen + [b.ids.tolist() for b in resumed] == whole


@pytest.mark.parametrize("world", [2, 3])
def test_shards_of_unlike_length_end_on_no_rank_before_another(path, world):
    ranks = [list(loader(path, 0.0, batches=25, rank=r, world=world)) for r in range(world)]
    assert [len(batches) for batches in ranks] == [25] * world
    counts = sum((names(batches) for batches in ranks), Counter())
    epochs = 25 * world / 10
    assert all(int(epochs) - 1 <= counts[n] <= int(epochs) + 2 for n in range(40))


def test_a_slow_disk_delays_and_changes_nothing(path, monkeypatch):
    whole = [b.ids.tolist() for b in loader(path, 0.0)]
    read = places.Directory.read
    monkeypatch.setattr(places.Directory, "read", lambda *args: (time.sleep(0.02), read(*args))[1])
    assert [b.ids.tolist() for b in loader(path, 0.0, workers=2)] == whole


def test_a_share_that_is_none(path):
    for wrong in (-0.1, 1.0, float("nan")):
        with pytest.raises(FoundationError, match="give a share from 0 to below 1"):
            Damage(10, wrong)
