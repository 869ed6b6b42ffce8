"""The command line: every verb explains itself, refuses unknown keys, and fails in one sentence."""

import re

import pytest

from foundation.__main__ import COMMANDS, SUMMARY, main

VERBS = [[verb, sub] for verb, home in COMMANDS.items() for sub in (home if isinstance(home, dict) else [""])]


def call(capsys, *arguments):
    try:
        status = main([a for a in arguments if a])
    except SystemExit as stop:
        status = stop.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_help_with_an_example(capsys, verb):
    status, out, _ = call(capsys, *verb, "--help")
    assert status == 0
    assert re.search(rf"foundation {' '.join(verb).strip()}\b.*\S", out[out.index("xample") :]), out


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_unknown_options_are_errors(capsys, verb):
    status, _, err = call(capsys, *verb, "--no_such_option", "1")
    assert status != 0
    assert err


def test_overview_lists_every_verb(capsys):
    status, out, _ = call(capsys, "--help")
    assert status == 0
    assert set(SUMMARY) == set(COMMANDS)
    assert all(re.search(rf"^  {verb} ", out, re.M) for verb in COMMANDS)


@pytest.mark.parametrize("arguments", [["fly"], ["tokenize"], ["tokenize", "fly"], ["inspect", "no/such/path"]])
def test_mistakes_are_one_sentence_and_status_1(capsys, arguments):
    status, out, err = call(capsys, *arguments)
    assert status == 1
    assert out == ""
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1
