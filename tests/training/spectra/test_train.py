"""The spectra verbs from end to end: learned, resumed exactly, exported, and files of all surveys embedded."""

import csv
import json
from itertools import islice

import numpy as np
import pytest
import torch
from pyarrow import parquet

from foundation.__main__ import main
from foundation.data.numbered import NumberedLoader
from foundation.data.records import Sample, Spectrum
from foundation.data.shards import RecordShards, write_records
from foundation.errors import FoundationError
from foundation.model.spectra.batch import SpectralBatch
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.loss import misfits
from foundation.model.spectra.pool import mean_state
from foundation.model.spectra.pretrained import SpectralModel
from foundation.seeded import seeded
from foundation.tokenizers.native import NativeConfig, patches_of
from foundation.training.spectra.alignment import misalignment
from foundation.training.spectra.config import SpectraDataConfig, SpectraObjective
from foundation.training.spectra.data import SpectraMix
from foundation.training.spectra.flops import forward_flops
from foundation.training.spectra.objective import FillSpans

YAML = """
data: {train: data/train, validation: data/check, patches_per_batch: 60, members: 2, workers: 0}
model: {patch: 8, width: 16, depth: 1, decoder_depth: 1, heads: 2}
cut: {patch: 8}
optim: {peak_rate: 0.01}
trainer: {max_steps: 6, accelerator: cpu, tensorboard: false, log_every: 1, checkpoint_every: 3, validate_every: 3,
  validation_batches: 2}
"""


def waves(seed):
    """A sine on one of two grids, with noise."""
    rng = np.random.default_rng(seed)
    n, start = ((64, 4000.0), (120, 8000.0))[seed % 2]
    wavelength = start + 2.0 * np.arange(n)
    flux = 5 + 2 * np.sin(wavelength / 40 + rng.uniform(0, 6)) + 0.3 * rng.normal(size=n)
    return Sample(f"s{seed}", {f"spectrum_{seed % 2}": Spectrum(flux, wavelength, np.full(n, 0.3**-2))}, {"seed": seed})


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_records([waves(s) for s in range(12)], tmp_path / "data" / "train", samples_per_member=3)
    write_records([waves(s) for s in range(20, 26)], tmp_path / "data" / "check", samples_per_member=3)
    (tmp_path / "c.yaml").write_text(YAML)
    return lambda out, *more: main(["spectra", "train", "--config", "c.yaml", "--out", out, *more])


def column(out, name):
    with (out / "metrics.csv").open(newline="") as file:
        return [row[name] for row in csv.DictReader(file) if row.get(name)]


def test_a_stopped_run_goes_on_as_if_it_had_not_been(run, tmp_path):
    assert run("whole") == 0
    assert len(column(tmp_path / "whole", "train/loss")) == 6
    assert len(column(tmp_path / "whole", "validation/loss")) == 2
    (tmp_path / "half").mkdir()
    assert run("half") == 0
    for path in (tmp_path / "half" / "checkpoints").glob("*.ckpt"):
        if "3" not in path.name:
            path.unlink()
    assert run("half", "--resume", "auto") == 0
    first, second = (SpectralModel.from_pretrained(tmp_path / o / "export").state_dict() for o in ("whole", "half"))
    assert all(torch.equal(first[n], second[n]) for n in first)
    assert column(tmp_path / "whole", "train/loss") == column(tmp_path / "half", "train/loss")


@pytest.mark.parametrize("per", ["pixel", "spectrum"])
def test_the_loss_of_a_step_is_what_the_objective_says(run, tmp_path, per):
    assert run("one", "--objective.per", per, "--objective.align", "0.5", "--trainer.max_steps", "1") == 0
    config, objective = SpectraDataConfig(tmp_path / "data" / "train", None, (), 60, 2, workers=0), SpectraObjective()
    batch = SpectraMix(RecordShards(config.train), config, NativeConfig(patch=8), objective.policy, seed=0)[0]
    with seeded(0), torch.no_grad():
        sizes = SpectraConfig(patch=8, width=16, depth=1, decoder_depth=1, heads=2)
        model = SpectralModel(sizes, NativeConfig(patch=8))
        states, value = model.encode(batch.read), model(batch.read, batch.asked)
        pooled = mean_state(states, batch.read), mean_state(model.encode(batch.asked), batch.asked)
    variance = batch.asked.sigma.square() + (objective.floor * batch.asked.value).square()
    pull = (value - batch.asked.value).abs() / variance.sqrt()
    each = torch.where(pull < objective.tail, pull.square(), 2 * objective.tail * pull - objective.tail**2)
    weight = batch.weight[:, None] * batch.asked.valid
    if per == "pixel":
        expected = (each.nan_to_num() * weight).sum() / weight.sum()
    else:
        counts = batch.asked.offsets.diff().tolist()
        parts = zip((each.nan_to_num() * weight).split(counts), weight.split(counts), strict=True)
        expected = torch.stack([torch.log(1 + chi2.sum() / share.sum()) for chi2, share in parts]).mean()
    expected = float(expected + 0.5 * misalignment(*pooled, batch.owner))
    assert float(column(tmp_path / "one", "train/loss")[0]) == pytest.approx(expected, rel=1e-4)


def test_refusals():
    with pytest.raises(FoundationError, match="Give 0 or more"):
        SpectraObjective(align=-1.0)


def test_embed_takes_all_surveys_and_says_what_was_left_out(run, tmp_path, capsys, write_dead):
    assert run("whole") == 0
    files = [str(tmp_path / "data" / "train"), str(write_dead(tmp_path / "dead.ecsv"))]
    assert main(["spectra", "embed", "whole/export", *files, "--out", "e.parquet"]) == 0
    table = parquet.read_table(tmp_path / "e.parquet").to_pydict()
    assert table["key"] == [f"s{i}" for i in range(12)]
    assert [json.loads(x)["seed"] for x in table["labels"]] == list(range(12))
    own = SpectralModel.from_pretrained(tmp_path / "whole" / "export").embed([waves(3)["spectrum_1"]])
    np.testing.assert_array_equal(np.float32(table["embedding"][3]), own[0].numpy())
    said = capsys.readouterr().out
    assert "12 objects embedded, 1 left out, 0 files failed" in said
    assert "dead.ecsv: wavelengths taken as those in vacuum" in said and "1 samples have no usable pixel" in said


def test_embed_in_bins_keeps_where_in_the_spectrum_something_is(run, tmp_path):
    assert run("whole") == 0
    options = ["--bins", "3", "--between", "[4000, 9000]", "--out", "b.parquet"]
    assert main(["spectra", "embed", "whole/export", str(tmp_path / "data" / "train"), *options]) == 0
    table = parquet.read_table(tmp_path / "b.parquet").to_pydict()
    model, spectrum = SpectralModel.from_pretrained(tmp_path / "whole" / "export"), waves(3)["spectrum_1"]
    batch = SpectralBatch.packed([patches_of(spectrum, model.cut)])
    states, middle = model.encode(batch).detach().numpy(), batch.wavelength.log().mean(1).exp().numpy()
    edges = np.geomspace(4000, 9000, 4)
    found = np.float32(table["embedding"][3]).reshape(3, -1)
    for row, low, high in zip(found, edges[:-1], edges[1:], strict=True):
        here = (middle >= low) & (middle < high)
        want = states[here].mean(0) if here.any() else np.full(states.shape[1], np.nan)
        np.testing.assert_allclose(row, want, rtol=1e-4, atol=1e-5)
    assert np.isfinite(found).any() and np.isnan(found).any()
    assert main(["spectra", "embed", "whole/export", str(tmp_path), "--bins", "-1", "--out", "c.npz"])  # not 0: refused


@pytest.fixture
def write_dead():
    def write(path):
        rows = "\n".join(f"{5000 + i},1.0,0.0" for i in range(40))
        path.write_text("# %ECSV 1.0\n# ---\n# datatype:\n" + "".join(
            f"# - {{name: {n}, datatype: float64}}\n" for n in ("wavelength", "flux", "ivar")
        ) + "# delimiter: ','\nwavelength,flux,ivar\n" + rows + "\n")  # fmt: skip
        return path

    return write


@pytest.fixture
def mix(run, tmp_path):
    config = SpectraDataConfig(tmp_path / "data" / "train", patches_per_batch=60, members=2, workers=0)
    shards = RecordShards(config.train)
    return lambda rank=0, ranks=1: SpectraMix(shards, config, NativeConfig(patch=8), FillSpans(), 7, rank, ranks)


def test_batches_depend_on_their_number_alone(mix):
    first, again, other = mix()[3], mix()[3], mix(rank=1, ranks=2)[3]
    assert torch.equal(first.read.value, again.read.value) and torch.equal(first.weight, again.weight)
    assert first.read.value.shape != other.read.value.shape or not torch.equal(first.read.value, other.read.value)
    for i in range(5):
        batch = mix()[i]
        assert len(batch.asked.value) <= 60 and len(batch.read.value) < len(batch.asked.value)
        assert len(batch.asked.offsets) == len(batch.read.offsets)


def test_a_loader_goes_on_where_it_stopped(mix):
    loader = NumberedLoader(mix(), 5)
    taken = iter(loader)
    next(taken), next(taken)
    other = NumberedLoader(mix(), 5)
    other.load_state_dict(loader.state_dict())
    assert torch.equal(next(iter(other)).read.value, next(taken).read.value)


def test_another_number_of_ranks_draws_anew(mix):
    """Nothing that three ranks read after two is a batch that was read before."""
    loaders = [NumberedLoader(mix(rank, 2), 4) for rank in range(2)]
    before = [batch for loader in loaders for batch in islice(loader, 2)]
    after = [NumberedLoader(mix(rank, 3), 4) for rank in range(3)]
    for loader in after:
        loader.load_state_dict(loaders[0].state_dict())
    read = [*before, *(batch for loader in after for batch in loader)]
    assert len({batch.read.value.numpy().tobytes() for batch in read}) == len(read) == 4 + 6


@pytest.mark.parametrize(
    ("parts", "steps", "left"),
    [({"means": ()}, 120, 0.4), ({}, 240, 0.65)],  # a smoothed copy is a good answer before anything is learned
    ids=["from nothing", "from a smoothed copy"],
)
def test_training_learns_what_is_hidden(mix, parts, steps, left):
    torch.manual_seed(0)
    config = SpectraConfig(patch=8, width=32, depth=1, decoder_depth=1, heads=2, **parts)
    model = SpectralModel(config, NativeConfig(patch=8))
    adam = torch.optim.AdamW(model.parameters(), 3e-3)
    losses = []
    for i in range(steps):
        batch = mix()[i]
        loss = misfits(model(batch.read, batch.asked), batch.asked, batch.weight).whole.mean
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert np.mean(losses[-20:]) < left * np.mean(losses[:5])


@pytest.mark.parametrize("decoder", ["cross", "additive"])
def test_operations_as_torch_counts_them(decoder):
    from torch.utils.flop_counter import FlopCounterMode

    config = SpectraConfig(patch=8, width=32, depth=2, decoder_depth=2, heads=2, decoder=decoder)
    model = SpectralModel(config, NativeConfig(patch=8))
    batch = SpectralBatch.packed([patches_of(waves(s)[f"spectrum_{s % 2}"], NativeConfig(patch=8)) for s in range(3)])
    with FlopCounterMode(display=False) as counted:
        model(batch, batch)
    pairs = batch.offsets.diff().square().sum().item()
    attention = 4 * config.width * pairs * (config.depth + config.decoder_depth)  # on a CPU torch does not count it
    assert forward_flops(config, batch, batch) == pytest.approx(counted.get_total_flops() + attention, rel=1e-3)


@pytest.mark.parametrize("pairs", [0.0, 1.0])
def test_pairs_ask_for_another_spectrum_of_the_same_object(tmp_path, pairs):
    samples = []
    for seed in range(4):
        one, other = (next(iter(waves(2 * seed + grid).values())) for grid in (0, 1))
        one = Spectrum(one.flux, np.linspace(7900, 8300, 64), one.ivar)
        counts = Spectrum(one.flux, one.wavelength, one.ivar, unit="ct")
        samples.append(Sample(f"s{seed}", {"spectrum_0": one, "spectrum_1": other, "spectrum_2": counts}))
    write_records(samples, tmp_path / "shards")
    config = SpectraDataConfig(tmp_path / "shards", patches_per_batch=10**4, pairs=pairs)
    mix = SpectraMix(RecordShards(tmp_path / "shards"), config, NativeConfig(patch=8), FillSpans(), seed=0)
    batch = mix[0]
    steps = [g.wavelength[g.offsets[:-1]].diff(dim=1)[:, 0] for g in (batch.read, batch.asked)]
    fine = {(a < 3, b < 3) for a, b in zip(*(x.tolist() for x in steps), strict=True)}
    assert fine == ({(False, False), (True, True)} if pairs == 0 else {(False, True), (True, False), (False, False)})
