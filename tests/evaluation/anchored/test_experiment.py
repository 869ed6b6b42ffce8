"""Experiment: rows are those of the generation order, drawing replays them, and a run leaves its table and picture."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from foundation.__main__ import main
from foundation.evaluation.anchored.experiment import CONTESTANTS, Budget, compete
from foundation.evaluation.anchored.generate import generate
from foundation.evaluation.anchored.model import MotifModel
from foundation.evaluation.anchored.rows import training_batch
from foundation.evaluation.anchored.task import Task
from foundation.model.anchored.order import EOS, grow

ORDERS = ("pairs", "interleaved", "left_to_right", "any_order")


@pytest.fixture
def sequences():
    return Task().draw(np.arange(6) % 8, None, np.random.default_rng(3))


@pytest.mark.parametrize("order", ORDERS[:3])
def test_rows_are_those_of_the_order(sequences, order):
    batch = training_batch(sequences, order, np.random.default_rng(0))
    made = [
        grow(torch.tensor(x[:n]), int(a) if order != "left_to_right" else 0, order)
        for x, n, a in zip(sequences.letters, sequences.length, sequences.anchor, strict=True)
    ]
    for name in ("ids", "index", "side", "target"):
        assert torch.equal(getattr(batch, name), torch.cat([getattr(r, name) for r in made]))
    assert torch.equal(batch.layout.query_code, 2 * torch.cat([r.group for r in made]))


def test_any_order_asks_for_every_letter_once(sequences):
    batch = training_batch(sequences, "any_order", np.random.default_rng(0))
    offsets = batch.layout.query_offsets
    for i, (letters, n) in enumerate(zip(sequences.letters, sequences.length, strict=True)):
        rows = slice(int(offsets[i]), int(offsets[i + 1]))
        asks = batch.target[rows] >= 0
        place, target = batch.index[rows][asks], batch.target[rows][asks]
        assert sorted(place.tolist()) == list(range(n))
        assert target.tolist() == letters[place].tolist()


@pytest.mark.parametrize("order", ORDERS)
def test_what_is_asked_for_is_not_seen(sequences, order):
    """Another answer at one row changes the logits of no row that is asked at the same time or before."""
    torch.manual_seed(0)
    model = MotifModel().double()
    rng = np.random.default_rng(0)
    before = training_batch(sequences, order, np.random.default_rng(7))
    place = int(rng.integers(5, 25))
    sequences.letters[0, place] = (sequences.letters[0, place] + 1) % 4
    after = training_batch(sequences, order, np.random.default_rng(7))
    changed = torch.nonzero(before.ids != after.ids).flatten()
    asked = torch.nonzero(before.target != after.target).flatten()
    assert len(asked) == 1
    moved = (model(before) - model(after)).abs().amax(1) > 1e-12
    code = before.layout.query_code
    assert not moved[asked].any()
    assert not len(changed) or not moved[(code <= code[asked]) & (before.target >= 0)].any()
    assert moved.any() == (len(changed) > 0)


class Scripted(MotifModel):
    """Puts all probability on the symbols of given sequences: drawing must then return them."""

    def __init__(self, wanted, order):
        super().__init__()
        self.wanted, self.order = wanted, order

    def forward(self, batch):
        offsets, logits = batch.layout.query_offsets, torch.full((len(batch.ids), 5), -50.0)
        for start, end in pairwise(offsets.tolist()):
            condition = int(batch.condition[start])
            row = self.wanted.letters[condition][: self.wanted.length[condition]]
            anchor = 0 if self.order == "left_to_right" else int(self.wanted.anchor[condition])
            truth = grow(torch.tensor(row), anchor, self.order)
            script = {key(truth, row): int(truth.target[row]) for row in range(len(truth))}
            for row in range(start, end):
                logits[row, max(script.get(key(batch, row), 0), 0)] = 50.0
        return logits


def key(rows, row):
    """A marker has the coordinate of the letter beside it."""
    return int(rows.index[row]), int(rows.side[row]), bool(rows.ids[row] > EOS)


@pytest.mark.parametrize("order", ORDERS[:3])
def test_drawing_follows_the_order_of_training(sequences, order):
    drawn, passes = generate(Scripted(sequences, order), order, np.arange(6), np.random.default_rng(0))
    assert drawn.length.tolist() == sequences.length.tolist()
    for a, b, n in zip(drawn.letters, sequences.letters, drawn.length, strict=True):
        assert a[:n].tolist() == b[:n].tolist() and (a[n:] == -1).all()
    if order != "left_to_right":
        assert drawn.anchor.tolist() == sequences.anchor.tolist()
    left, right = sequences.anchor, sequences.length - sequences.anchor
    symbols = {
        "pairs": np.maximum(left + 1, right) + 1,
        "interleaved": sequences.length + 2,
        "left_to_right": sequences.length + 1,
    }
    assert passes == symbols[order].max()


def test_any_order_has_the_length_it_was_given():
    drawn, passes = generate(MotifModel(), "any_order", np.arange(6), np.random.default_rng(0))
    assert passes == drawn.length.max() and ((drawn.letters >= 0).sum(1) == drawn.length).all()


def test_a_run_repeats_itself_and_counts():
    contestant, budget = CONTESTANTS["pairs, fixed phase"], Budget(steps=4, each=2, samples=4)
    first, second = compete(Task(), contestant, budget), compete(Task(), contestant, budget)
    assert (first.metrics, first.loss, first.early) == (second.metrics, second.loss, second.early)
    assert 1.2 < first.loss < 4 and first.passes > 1


def test_command_leaves_table_report_and_picture(tmp_path, capsys):
    arguments = ["--contestants", "[pairs, left]", "--steps", "4", "--samples", "4", "--workers", "1"]
    assert main(["bench", "anchored", "--out", str(tmp_path), *arguments]) == 0
    out = capsys.readouterr().out
    assert "best possible" in out and "the task itself" in out
    results = json.loads((tmp_path / "results.json").read_text())
    assert list(results["outcomes"]) == ["pairs, random phase", "pairs, fixed phase", "left to right"]
    assert results["ceilings"]["pairs, random phase"] == pytest.approx(0.82, abs=0.01)
    assert (tmp_path / "contest.png").read_bytes()[:4] == b"\x89PNG"
    assert "best possible" in (tmp_path / "report.html").read_text()


def test_a_stopped_run_goes_on(tmp_path, capsys):
    arguments = ["bench", "anchored", "--out", str(tmp_path), "--steps", "4", "--samples", "2", "--workers", "1"]
    assert main([*arguments, "--contestants", "[pairs]"]) == 0
    first = json.loads((tmp_path / "results.json").read_text())["outcomes"]
    assert main([*arguments, "--contestants", "[pairs, left]"]) == 0
    second = json.loads((tmp_path / "results.json").read_text())["outcomes"]
    assert {name: second[name] for name in first} == first  # times too: they were not run again
    assert list(second) == [*first, "left to right"]
    capsys.readouterr()
    assert main([*arguments, "--seed", "1"]) == 1
    assert "is of another variant or budget" in capsys.readouterr().err
    (tmp_path / "results.json").write_text("{")
    assert main(arguments) == 1
    assert "is damaged" in capsys.readouterr().err


def test_bad_requests(tmp_path, capsys):
    assert main(["bench", "anchored", "--out", str(tmp_path), "--steps", "1"]) == 1
    assert main(["bench", "anchored", "--out", str(tmp_path), "--contestants", "[backwards]"]) == 1
    err = capsys.readouterr().err
    assert "Give at least 4 steps" in err and "there are pairs, random phase" in err
