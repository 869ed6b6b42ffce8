"""Training of anchored models from end to end: a directory of complexes in, a model out that reads and resumes."""

import csv
from pathlib import Path

import pytest
import torch

from foundation.__main__ import main
from foundation.model.anchored.pretrained import AnchoredModel
from foundation.training.checkpoint import read


@pytest.fixture
def run(run_directory):
    return lambda out, *more: main(["train", "--config", "c.yaml", "--out", out, *more])


def column(out, name):
    with (out / "metrics.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


def test_complexes_become_a_model_in_one_command(run, run_directory):
    assert run("out") == 0
    out = run_directory / "out"
    assert len(column(out, "train/loss")) == 4
    assert len(column(out, "validation/loss")) == 2
    model = AnchoredModel.from_pretrained(out / "export")
    [checkpoint] = (out / "checkpoints").glob("*4.ckpt")
    trained = {name.removeprefix("model."): w for name, w in read(checkpoint)["state_dict"].items()}
    assert {name: w.tolist() for name, w in trained.items()} == {n: w.tolist() for n, w in model.state_dict().items()}


def test_a_small_set_is_learned(run, run_directory):
    assert run("out", "--trainer.max_steps", "60", "--data.held_out", "0", "--trainer.validate_every", "60") == 0
    losses = column(run_directory / "out", "train/loss")
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


@pytest.mark.parametrize("kind", ["sequence", "residues"])
def test_a_run_that_was_stopped_goes_on_exactly(run, run_directory, kind):
    more = ("--objective.kind", kind, "--data.noise", "[0.1, 0.02]", "--data.residues", "15")
    assert run("whole", *more) == 0
    assert run("parts", *more) == 0
    for path in (run_directory / "parts" / "checkpoints").glob("*4.ckpt"):
        path.unlink()
    assert run("parts", *more, "--resume", "auto") == 0
    whole, parts = (AnchoredModel.from_pretrained(run_directory / out / "export") for out in ("whole", "parts"))
    for (name, one), other in zip(whole.state_dict().items(), parts.state_dict().values(), strict=True):
        assert torch.equal(one, other), name


def test_a_second_stage_starts_from_the_first(run, run_directory):
    assert run("proteins", "--objective.kind", "residues") == 0
    assert 0 <= column(run_directory / "proteins", "validation/recovery")[-1] <= 1
    first = AnchoredModel.from_pretrained(run_directory / "proteins" / "export").state_dict()
    assert run("zero", "--start", "proteins/export", "--optim.peak_rate", "1e-12") == 0
    second = AnchoredModel.from_pretrained(run_directory / "zero" / "export").state_dict()
    for name, weight in first.items():
        torch.testing.assert_close(second[name], weight, atol=1e-6, rtol=1e-5)
    assert run("other", "--start", "proteins/export", "--model.width", "32") == 1


def test_the_first_stage_leaves_the_reader_of_strands_alone(run, run_directory):
    assert run("proteins", "--objective.kind", "residues") == 0
    assert run("fresh", "--objective.kind", "residues", "--optim.peak_rate", "1e-12") == 0
    trained, fresh = (
        AnchoredModel.from_pretrained(run_directory / o / "export").state_dict() for o in ("proteins", "fresh")
    )
    moved = {name for name in trained if not torch.allclose(trained[name], fresh[name], atol=1e-7)}
    assert moved
    assert all(name.startswith(("residues.", "residue_norm.", "protein_blocks.")) for name in moved)


def test_files_that_cannot_be_read_are_told_and_passed_over(run, run_directory, capsys):
    folder = run_directory / "some"
    folder.mkdir()
    for path in (run_directory / "complexes").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "bad.cif").write_text("data_x\nloop_\n_a\n_b\n1 2 3\n")
    assert run("out", "--data.train", "some") == 0
    assert "1 files could not be read" in capsys.readouterr().err
    assert "bad.cif" in (run_directory / "out" / "failures.csv").read_text()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--data.train", "nowhere"), "there is no such directory"),
        (("--data.held_out", "1.5"), "Give 0 to below 1"),
        (("--data.distance", "0.1"), "none of 6 structures has a protein and nucleic acid within 0.1"),
        (("--data.clusters", "none.csv"), "no table with the columns id and cluster"),
        (("--data.batch", "0"), "Give 1 or more"),
        (("--objective.hidden", "0"), "a fraction of the residues"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_before_anything_is_written(run, run_directory, capsys, more, says):
    assert run("out", *more) == 1
    assert says in capsys.readouterr().err
    assert not (run_directory / "out").exists()


@pytest.mark.parametrize("factorisation", ["interleaved", "left_to_right"])
def test_other_orders_of_growth_train(run, factorisation):
    assert run("out", "--model.factorisation", factorisation) == 0


def test_records_made_by_ingest_train_alike(run, run_directory):
    assert main(["ingest", "complexes", "--out", "shards"]) == 0
    assert run("files") == 0
    assert run("shards_run", "--data.train", "shards") == 0
    assert column(run_directory / "files", "train/loss") == column(run_directory / "shards_run", "train/loss")


@pytest.mark.parametrize("name", ["design", "design_small", "design_proteins"])
def test_the_configs_of_the_package_are_understood(name, tmp_path, capsys):
    config = Path(__file__).parents[3] / "configs" / f"{name}.yaml"
    arguments = ["--config", str(config), "--data.train", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    assert main(["train", *arguments]) == 1
    assert "nowhere: there is no such directory" in capsys.readouterr().err
