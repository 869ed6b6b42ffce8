"""An ingest that was killed goes on: what is there is not made again, and the end is the same to the byte."""

import pytest

import foundation.data.biology.genes.build as build
from foundation.__main__ import main
from foundation.data.shards import RecordShards

CHROMOSOMES = ["one", "two", "three", "four", "five"]
GENE = "{c}\tx\tgene\t{a}\t{b}\t.\t+\t.\tID={c}g{i}\n{c}\tx\tmRNA\t{a}\t{b}\t.\t+\t.\tID={c}t{i};Parent={c}g{i}\n"
EXON = "{c}\tx\texon\t{a}\t{b}\t.\t+\t.\tParent={c}t{i}\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Five chromosomes with two genes each, of which the second of `four` lies beyond its end; parts of three genes."""
    monkeypatch.setattr(build, "PART", 3)
    letters = "ACGGTTACGA" * 100
    (tmp_path / "g.fa").write_text("".join(f">{c}\n{letters[: 1000 - 100 * (c == 'four')]}\n" for c in CHROMOSOMES))
    lines = [(GENE + EXON).format(c=c, a=a, b=a + 99, i=i) for c in CHROMOSOMES for i, a in enumerate((301, 850), 1)]
    (tmp_path / "a.gff3").write_text("##gff-version 3\n" + "".join(lines))
    return tmp_path


def ingest(files, out, *more):
    options = ["--upstream=20", "--downstream=20", "--least=10"]
    return main(
        ["genes", "ingest", str(files / "g.fa"), str(files / "a.gff3"), f"--out={files / out}", *options, *more]
    )


def content(directory):
    return {p.name: p.read_bytes() for p in directory.iterdir() if p.name != "problems.csv"}


@pytest.fixture
def killed(files, monkeypatch):
    """Made up to the fourth chromosome, in the second part of three."""
    real = build.rows_of

    def struck(chromosome, *rest):
        if chromosome.name == "four":
            raise KeyboardInterrupt
        return real(chromosome, *rest)

    monkeypatch.setattr(build, "rows_of", struck)
    assert ingest(files, "out") == 130
    made = []
    monkeypatch.setattr(build, "rows_of", lambda c, *rest: made.append(c.name) or real(c, *rest))
    return made


def test_only_what_is_missing_is_made(files, killed, capsys):
    assert not (files / "out").exists()
    assert ingest(files, "out") == 0
    assert killed == ["three", "four", "five"]
    told = capsys.readouterr().out
    assert ingest(files, "whole") == 0
    assert content(files / "out") == content(files / "whole")
    assert [s.key for s in RecordShards(files / "out")] == [
        f"{c}t{i}" for c in CHROMOSOMES for i in (1, 2) if (c, i) != ("four", 2)
    ]
    assert "10 transcripts: 9 rows, 1 left out" in told and "four has 900 letters" in told
    assert (files / "out" / "problems.csv").read_text() == (files / "whole" / "problems.csv").read_text()
    assert {p.name for p in files.iterdir()} == {"g.fa", "a.gff3", "out", "whole"}


def test_other_inputs_begin_anew(files, killed, capsys):
    (files / "a.gff3").write_text((files / "a.gff3").read_text().replace("onet1", "renamed"))
    assert ingest(files, "out") == 0
    assert killed == CHROMOSOMES
    assert "removing parts made of something else" in capsys.readouterr().err
    assert next(iter(RecordShards(files / "out"))).key == "renamed"


def test_strict_leaves_nothing(files, capsys):
    assert ingest(files, "out", "--strict") == 1
    assert "four has 900 letters" in capsys.readouterr().err
    assert {p.name for p in files.iterdir()} == {"g.fa", "a.gff3"}
