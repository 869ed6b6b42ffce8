"""The verb for models of summed tracks: it learns, resumes bit by bit, and its export encodes and completes."""

import csv
import json
import math

import pytest
import torch
from safetensors.torch import load_file

from foundation.__main__ import main
from foundation.data.shards import TokenSample, write_tokens
from foundation.errors import FoundationError
from foundation.model.pretrained import FoundationModel
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.choose import Choice
from foundation.sampling.sampler import Sampler
from foundation.sampling.trained import trained_policy
from foundation.tokens import Axis, Space, Tokens, concatenate

PLACES = (Axis("place", "", 0, 1e6, 1),)
SPACES = tuple(Space(n, "discrete", s, PLACES) for n, s in (("rna_seq", 7), ("cds", 5), ("note", 12)))
YAML = """
system: tracks
data: {tokens_per_batch: 400, window: 32, workers: 0}
model:
  {width: 48, depth: 1, decoder_depth: 1, heads: 4, hidden: 64, registers: 2, rotated: 8, text: [note], text_width: 16}
policy:
  text: [note]
  pathways:
    - {asked: [cds], given: [rna_seq]}
    - {asked: [note], given: [cds], weight: 0.3}
optim: {peak_rate: 0.01}
trainer: {max_steps: 6, accelerator: cpu, tensorboard: false, log_every: 1, checkpoint_every: 3, validate_every: 6}
"""


def sample(index):
    """A coding place wherever the letter is the first; the note counts up from the first place's letter."""
    generator = torch.Generator().manual_seed(index)
    letters = torch.randint(4, (12,), generator=generator)
    at = torch.arange(12.0, dtype=torch.float64)[:, None]
    note = (letters[0] + torch.arange(4)) % 12
    values = (letters, 0, at), ((letters == 0).long(), 0, at), (note, 1, at[:4])
    parts = [Tokens.of_space(s, ids, place, track) for s, (ids, track, place) in zip(SPACES, values, strict=True)]
    return TokenSample(f"gene-{index}", concatenate(parts), {})


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    out = tmp_path_factory.mktemp("tracks")
    for name, first, count in (("train", 0, 200), ("validation", 1000, 30)):
        samples = (sample(i) for i in range(first, first + count))
        write_tokens(samples, out / name, SPACES, "0123456789ab", total=count, samples_per_member=8)
    return out


def run(tmp_path, shards, name, *more):
    config = tmp_path / "config.yaml"
    config.write_text(YAML)
    data = f"--data.train={shards / 'train'}", f"--data.validation={shards / 'validation'}"
    return main(["train", "--config", str(config), *data, f"--out={tmp_path / name}", *more])


def test_it_learns_and_its_export_is_the_model(tmp_path, shards):
    more = "--trainer.max_steps=60", "--trainer.validate_every=60", "--trainer.checkpoint_every=60"
    assert run(tmp_path, shards, "run", *more, "--trainer.log_every=20") in (0, None)
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("validation/loss_cds")]
    assert float(rows[-1]["validation/loss_cds"]) < 0.3 * math.log(5)
    model = FoundationModel.from_pretrained(tmp_path / "run" / "export")
    assert isinstance(model, TrackModel) and model.spaces == SPACES
    tokens = [sample(i).tokens for i in range(2000, 2004)]
    assert model.encode(tokens).values.shape == (4, 48)
    shown = [t.select(t.of("rna_seq")) for t in tokens]
    asked = [t.select(t.of("cds")) for t in tokens]
    sampler = Sampler(model, trained_policy(tmp_path / "run" / "export"), Choice(top_k=1))
    with pytest.raises(FoundationError, match="note is text"):
        sampler.complete(asked, [t.select(t.of("note")) for t in tokens])
    drawn = torch.cat([t.ids for t in sampler.complete(shown, asked, seed=0)])
    assert (drawn == torch.cat([t.ids for t in asked])).float().mean() > 0.9


def test_rare_codes_weigh_more_in_training_and_the_checkpoint_says_how_much(tmp_path, shards):
    plain, weighed = (run(tmp_path, shards, n, *more) for n, more in (("a", ()), ("b", ("--optim.rare_codes=[cds]",))))
    assert not plain and not weighed
    checkpoint = torch.load(next((tmp_path / "b" / "checkpoints").glob("*.ckpt")), weights_only=True)
    weights = checkpoint["foundation"]["code_weights"]["cds"]
    assert weights[1] / weights[0] == pytest.approx(math.sqrt(3), rel=0.1), "a quarter of the letters are coding"
    assert run(tmp_path, shards, "c", "--optim.rare_codes=[exon]") == 1


def test_a_stopped_run_goes_on_as_if_it_had_not(tmp_path, shards):
    run(tmp_path, shards, "whole")
    run(tmp_path, shards, "half")
    for path in (tmp_path / "half" / "checkpoints").glob("*.ckpt"):
        if "3" not in path.name:
            path.unlink()  # as if it had been killed after the third step
    run(tmp_path, shards, "half", "--resume=auto")
    whole, half = (load_file(tmp_path / n / "export" / "model.safetensors") for n in ("whole", "half"))
    assert all(torch.equal(whole[name], half[name]) for name in whole)


@pytest.mark.filterwarnings("ignore")
def test_its_plan_counts_the_parameters_that_it_trains(tmp_path, shards, capsys):
    config, out = tmp_path / "config.yaml", tmp_path / "plan.json"
    config.write_text(YAML)
    asked = "--config", str(config), f"--data.train={shards / 'train'}", "--gpus=4", f"--out={out}"
    assert main(["plan", *asked]) == 0
    plan = json.loads(out.read_text())
    assert run(tmp_path, shards, "run") in (0, None)
    trained = load_file(tmp_path / "run" / "export" / "model.safetensors").values()
    assert plan["demand"]["parameters"] == sum(p.numel() for p in trained)
    assert plan["rows"][0]["gpus"] == 4 and "objects of" in capsys.readouterr().out
