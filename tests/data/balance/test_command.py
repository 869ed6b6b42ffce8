"""The verb `balance`: the published mix reaches its targets, files are written, mistakes are sentences."""

import json
from pathlib import Path

import pytest

from foundation.__main__ import main

CONFIG = str(Path(__file__).parents[3] / "configs" / "balance_walrus.yaml")


def test_the_mix_of_walrus_on_96_ranks(tmp_path, capsys):
    out, picture = tmp_path / "b.json", tmp_path / "b.png"
    arguments = ["--config", CONFIG, "--ranks", "96", "--steps", "200", "--out", str(out), "--picture", str(picture)]
    assert main(["balance", *arguments]) == 0
    printed, saved = capsys.readouterr().out, json.loads(out.read_text())
    assert "19 data sets on 96 ranks" in printed and "97" in printed
    assert len(saved["mix"]) == 19 and saved["world"] == {"ranks": 96, "group": 4, "accumulate": 4}
    rows = {(r["policy"], r["group"]): r for r in saved["rows"]}
    assert len(rows) == 5 and ("random", 96) in rows
    for name in ("grouped", "sorted"):
        assert rows[name, 4]["exact"] >= 0.95 and rows[name, 4]["utilisation"] >= 0.88
        assert rows[name, 4]["idle"] == pytest.approx(1 - rows[name, 4]["utilisation"])
        assert rows[name, 4]["mean"] < rows[name, 4]["p95"] < rows["paper", 4]["p95"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_mix_on_the_command_line(capsys):
    mix = '{"flat": {"cost": 1}, "deep": {"cost": 1.7, "share": 0.5}}'
    assert main(["balance", "--mix", mix, "--ranks", "4", "--accumulate", "2", "--steps", "20"]) == 0
    assert "2 data sets on 4 ranks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", CONFIG, "--ranks", "10"], "10 ranks do not divide into groups of 4"),
        (["--mix", '{"a": {"cost": 0}}'], "a costs 0.0; give a positive cost, as in `--mix.a.cost 1`"),
        (["--mix", '{"a": {"cost": 1, "share": -1}}'], "Shares of a mix must be positive"),
        (["--mix", "{}"], "Got 0 data sets"),
        (["--config", CONFIG, "--jitter", "-1"], "no negative jitter"),
    ],
)
def test_mistakes_are_one_sentence(arguments, said, capsys):
    assert main(["balance", *arguments]) == 1
    error = capsys.readouterr().err
    assert said in error and len(error.strip().splitlines()) == 1
