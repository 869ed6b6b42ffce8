"""Loader: a stopped and resumed run sees what an uninterrupted one sees, for any number of workers and on each rank."""

import socket
from collections import Counter
from dataclasses import dataclass

import pytest
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import distributed, multiprocessing

from foundation.config import DataConfig
from foundation.data.dealing import Dealing
from foundation.data.loader import OrderedLoader, RankedLoader
from foundation.data.module import FoundationDataModule
from foundation.data.shards import TokenSample, TokenShards, write_tokens
from foundation.data.stream import OrderedPass, TokenStream
from foundation.errors import FoundationError
from foundation.masking.budget import RandomBudget
from foundation.masking.policy import MaskingPolicy
from foundation.tokens import Axis, Space, Tokens, concatenate

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),  # more workers than cores: meant
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
CODES = Space("codes", "discrete", 1000)
PIXELS = Space("pixels", "continuous", 2, (Axis("x", "arcsec", 0.0, 9.0, 1.0),))
POLICY = RandomBudget(4, 3)
BATCHES = 12


@dataclass(frozen=True)
class Nothing(MaskingPolicy):
    """Everything is given, so that a batch holds its samples whole."""

    def __call__(self, tokens, generator):
        return torch.zeros(len(tokens), dtype=torch.long)

    def support(self, spaces):
        return frozenset()


def write(path, samples=60, tokenizer_hash="h", start=0):
    def one(i):
        generator = torch.Generator().manual_seed(i)
        codes = torch.randint(1000, (3 + i % 5,), generator=generator)
        pixels, x = torch.rand(4, 2, generator=generator), torch.arange(4.0, dtype=torch.float64)[:, None]
        return TokenSample(f"s{i}", concatenate([Tokens.of_space(CODES, codes), Tokens.of_space(PIXELS, pixels, x)]))

    write_tokens(map(one, range(start, start + samples)), path, (CODES, PIXELS), tokenizer_hash, samples_per_member=5)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("loader") / "tokens")


def loader(path, workers=0, batches=BATCHES, rank=0, world=1, seed=0, policy=POLICY, **options):
    shards = TokenShards(path)
    options = {"window": 10, "tokens_per_batch": 32} | options
    return RankedLoader(TokenStream(shards, policy, shards.spaces, seed, rank, world, **options), batches, workers)


def content(batch):
    """Everything in a batch, comparable with ==."""
    columns = [getattr(batch, c).tolist() for c in ("ids", "space", "position", "track", "code", "offsets", "token")]
    return [*columns, batch.vectors["pixels"].tolist()]


@pytest.fixture(scope="module")
def whole(path):
    """The batches of a run that is never stopped."""
    return [content(b) for b in loader(path)]


def test_length_is_that_of_the_run_and_a_second_pass_goes_on(path, whole):
    first = loader(path, batches=5)
    assert len(first) == 5
    assert [content(b) for b in first] == whole[:5]
    assert [content(b) for b in first] == whole[5:10]


def test_windows_of_several_batches_are_stopped_inside(path):
    assert len(loader(path).stream[0]) >= 2  # else the tests below would never resume inside a window


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_batches_do_not_depend_on_the_number_of_workers(path, whole, workers):
    assert [content(b) for b in loader(path, workers)] == whole


@pytest.mark.parametrize("before, after", [(0, 0), (2, 2), (2, 0), (0, 3)])
def test_resume_is_exact_though_workers_read_ahead(path, whole, before, after):
    for stop in (1, 2, 5):
        stopped = loader(path, before)
        running = iter(stopped)
        seen = [content(next(running)) for _ in range(stop)]
        state = stopped.state_dict()
        running.close()
        resumed = loader(path, after)
        resumed.load_state_dict(state)
        assert seen + [content(b) for b in resumed] == whole


def test_reading_does_not_touch_the_global_generator(path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    list(loader(path, batches=3))
    assert torch.equal(torch.rand(3), expected)  # dropout of a resumed run draws what it would have drawn


@pytest.mark.parametrize(
    "change, words",
    [
        ({"seed": 1}, "made with seed 0, this run has 1"),
        ({"policy": RandomBudget(4, 2)}, "made with policy RandomBudget"),
        ({"tokens_per_batch": 40}, "made with tokens_per_batch 32, this run has 40"),
        ({"window": 20}, "made with members_per_window 2, this run has 4"),
    ],
)
def test_a_position_of_another_run_is_refused(path, change, words):
    state = loader(path).state_dict()
    with pytest.raises(FoundationError, match=words):
        loader(path, **change).load_state_dict(state)


def test_a_position_in_other_data_or_of_another_version_is_refused(path, tmp_path):
    state = loader(path).state_dict()
    with pytest.raises(FoundationError, match="made with data"):
        loader(write(tmp_path / "other", start=100)).load_state_dict(state)
    with pytest.raises(FoundationError, match="version 7, this program reads version 2"):
        loader(path).load_state_dict(state | {"version": 7})


def keys_of(path):
    """The samples of each member."""
    shards = TokenShards(path)
    return [[tuple(s.tokens.ids[s.tokens.of("codes")].tolist()) for s in shards.member(m)] for m in range(12)]


def documents(batch):
    """The codes of every sample in a batch of which everything is given."""
    return [tuple(batch.ids[(batch.document == d) & (batch.space == 0)].tolist()) for d in range(batch.documents)]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("worlds", [(1, 2), (3, 2), (2, 4, 1), (4, 3)])
def test_another_number_of_ranks_reads_on_without_losing_or_repeating_a_sample(path, worlds, workers):
    seen, state = [], None
    for world in worlds:
        ranks = [loader(path, workers, rank=r, world=world, policy=Nothing()) for r in range(world)]
        own = []
        for rank, one in enumerate(ranks):
            if state:
                one.load_state_dict(state)
            running = iter(one)
            seen += [d for _ in range(2 + rank) for d in documents(next(running))]  # ranks stand at unlike places
            running.close()
            own.append(one.state_dict()["ranks"][0])
        state = ranks[0].state_dict() | {"ranks": own}
    left = Dealing.restore(state["dealing"]).anew(1, [(r["window"], r["batch"]) for r in own])
    last = loader(path, policy=Nothing()).stream
    last.dealing = left
    seen += [d for window in range(30) for batch in last[window] for d in documents(batch)]
    unread = left.anew(1, [(30, 0)])
    assert not unread.begun and not unread.left  # then every turn below `fresh` was read
    expected, members = Counter(), keys_of(path)
    for turn in range(unread.fresh):
        expected.update(members[last._member(turn)])
    assert Counter(seen) == expected


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_a_worker_arrives_as_one_sentence(path, workers):
    with pytest.raises(FoundationError, match=r"^A sample takes \d+ elements, more than the 3 of a batch"):
        next(iter(loader(path, workers, tokens_per_batch=3)))


def test_the_ordered_loader_is_the_same_for_any_number_of_workers(path):
    shards = TokenShards(path)
    ordered = OrderedPass(shards, POLICY, shards.spaces, window=10, tokens_per_batch=32)
    expected = [content(b) for w in range(len(ordered)) for b in ordered[w]]
    for workers in (0, 2):
        passing = OrderedLoader(ordered, workers)
        assert len(passing) == len(expected)
        assert [content(b) for b in passing] == expected == [content(b) for b in passing]


def one_rank(rank, world, path, port, results):
    distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
    whole = [content(b) for b in loader(path, rank=rank, world=world)]
    stopped = loader(path, rank=rank, world=world)
    running = iter(stopped)
    seen = [content(next(running)) for _ in range(4 + 3 * rank)]  # else both might stand at the same place
    state = stopped.state_dict()
    resumed = loader(path, rank=rank, world=world)
    resumed.load_state_dict(state)
    results[rank] = (state, whole, seen + [content(b) for b in resumed])
    distributed.destroy_process_group()


def test_the_state_holds_every_rank_and_each_picks_its_own(path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with multiprocessing.Manager() as manager:
        results = manager.dict()
        multiprocessing.start_processes(one_rank, (2, path, port, results), nprocs=2, start_method="fork")
        (state, whole, resumed), (other_state, other_whole, other_resumed) = results[0], results[1]
    assert state == other_state and [position["done"] for position in state["ranks"]] == [4, 7]
    assert resumed == whole and other_resumed == other_whole
    assert whole != other_whole


def lightning_warns(test):
    """Lightning uses names that torch gives up, and warns of what is meant here."""
    for warning in ("ignore::FutureWarning", "ignore:.*litlogger.*", "ignore::UserWarning:lightning"):
        test = pytest.mark.filterwarnings(warning)(test)
    return test


class Watcher(LightningModule):
    """A model that only writes down what it is shown."""

    def __init__(self):
        super().__init__()
        self.weight, self.seen, self.validated = torch.nn.Parameter(torch.zeros(())), [], []

    def expect(self, step):
        """What a training module is told of a step before its first micro-batch."""

    def training_step(self, batch, _):
        self.seen.append(content(batch))
        return self.weight * 1.0

    def validation_step(self, batch, _):
        self.validated.append(content(batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(path, folder, steps, workers, checkpoint=None, validation=None):
    config = DataConfig(path, validation, tokens_per_batch=32, window=10, workers=workers)
    data, watcher = FoundationDataModule(config, POLICY, 0, BATCHES), Watcher()
    saver = ModelCheckpoint(folder, filename="at-{step}", every_n_train_steps=5, save_top_k=-1)
    trainer = Trainer(
        max_steps=steps, accelerator="cpu", logger=False, callbacks=[saver],
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(watcher, data, ckpt_path=checkpoint, weights_only=True)
    return watcher


@lightning_warns
@pytest.mark.parametrize("workers", [0, 2])
def test_lightning_resumes_in_mid_epoch_without_skipping(path, whole, tmp_path, workers):
    assert fit(path, tmp_path, BATCHES, workers).seen == whole
    resumed = fit(path, tmp_path / "again", BATCHES, workers, tmp_path / "at-step=5.ckpt")
    assert resumed.seen == whole[5:]


@lightning_warns
def test_lightning_validates_every_sample_once(path, tmp_path):
    validation = write(tmp_path / "validation", samples=23, start=500)
    watcher = fit(path, tmp_path, BATCHES, 0, validation=validation)
    assert sum(len(c[5]) - 1 for c in watcher.validated) == 23


def test_the_data_module_checks_before_training(path, tmp_path):
    data = FoundationDataModule(DataConfig(path, modalities=("codes",)), POLICY, 0, BATCHES)
    assert data.spaces == (CODES,) and data.val_dataloader() == []
    other = write(tmp_path / "validation", tokenizer_hash="g")
    with pytest.raises(FoundationError, match="made with tokenizer g, h is wanted"):
        FoundationDataModule(DataConfig(path, other), POLICY, 0, BATCHES)
    with pytest.raises(FoundationError, match="has no tokens of gaia"):
        FoundationDataModule(DataConfig(path, modalities=("gaia",)), POLICY, 0, BATCHES)
