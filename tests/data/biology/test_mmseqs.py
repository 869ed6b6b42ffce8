"""Clusters by MMseqs2: relatives are linked and strangers not, through the program itself and through a stand-in."""

import shutil

import numpy as np
import pytest

from foundation.data.biology.mmseqs import PROGRAM, similar
from foundation.errors import FoundationError

STAND_IN = """#!/usr/bin/env python3
import sys
verb, source, out, work, *options = sys.argv[1:]
assert verb == "easy-cluster" and options[:4] == ["--min-seq-id", "0.5", "-c", "0.8"], sys.argv
lines = open(source).read().split()
first = {}
with open(out + "_cluster.tsv", "w") as table:
    for name, letters in zip(lines[::2], lines[1::2]):
        table.write(first.setdefault(letters, name[1:]) + "\\t" + name[1:] + "\\n")
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a program of that name on the path, in place of any other."""

    def put(text):
        (tmp_path / PROGRAM).write_text(text)
        (tmp_path / PROGRAM).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return put


def test_members_are_named_as_their_sequences(program):
    program(STAND_IN)
    found = similar([("a gene", "MKV"), ("another", "MAA"), ("its copy", "MKV")], 0.5)
    assert found == [("a gene", "a gene"), ("another", "another"), ("a gene", "its copy")]


def test_what_the_program_says_is_told(program):
    program("#!/bin/sh\necho first >&2\necho 'the disk is full' >&2\nexit 3\n")
    with pytest.raises(FoundationError, match="`mmseqs easy-cluster` failed: the disk is full"):
        similar([("a", "MKV")], 0.5)


def test_without_the_program(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FoundationError, match=r"no program `mmseqs` on the PATH\. Install MMseqs2"):
        similar([("a", "MKV")], 0.5)
    with pytest.raises(FoundationError, match="identity of 30"):
        similar([("a", "MKV")], 30)


@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="MMseqs2 is not installed")
def test_relatives_are_in_one_cluster_and_strangers_are_not():
    rng = np.random.default_rng(0)
    ancestors = rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), (4, 200))
    named = []
    for family, ancestor in enumerate(ancestors):
        for member in range(3):
            kept = rng.random(200) < 0.8
            letters = np.where(kept, ancestor, rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 200))
            named.append((f"{family} {member}", "".join(letters)))
    found = similar(named, 0.4)
    home = {member: first for first, member in found}
    assert sorted(home) == sorted(name for name, _ in named)
    assert {(m.split()[0], f.split()[0]) for m, f in home.items()} == {(str(i), str(i)) for i in range(4)}
    assert len(set(home.values())) == 4
