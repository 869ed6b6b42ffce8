"""Splits of genes: no transcript of a gene and no relative is on two sides, every row is on one."""

import shutil

import numpy as np
import pytest

import foundation.evaluation.genes.split as module
from foundation.__main__ import main
from foundation.data.biology.track import Track
from foundation.data.records import Sample, Sequence
from foundation.data.shards import RecordShards, write_records
from foundation.evaluation.genes.split import PARTS, alike, groups, parts
from foundation.evaluation.tasks import Split


def rows(genes=60):
    record = {"rna_seq": Sequence("ACGU", "rna", "x")}
    return [Sample(f"g{i}.{j}", record, {"gene": f"g{i}"}, {}) for i in range(genes) for j in range(1 + i % 3)]


@pytest.fixture
def data(tmp_path):
    write_records(iter(rows()), tmp_path / "all")
    return tmp_path / "all"


def sides(out):
    return {name: {s.key for s in RecordShards(out / name)} for name in PARTS}


def test_every_row_is_on_one_side_and_genes_stay_together(data, tmp_path):
    assert not main(["genes", "split", str(data), f"--out={tmp_path / 'split'}", "--validation=0.1"])
    found = sides(tmp_path / "split")
    assert sorted(key for keys in found.values() for key in keys) == sorted(s.key for s in rows())
    genes = [{key.split(".")[0] for key in keys} for keys in found.values()]
    assert sum(map(len, genes)) == 60 and len(found["train"]) > len(found["test"]) > 0


def test_chains_of_clusters_in_several_files_stay_together(data, tmp_path):
    """g0 and g1 share a protein cluster, g1's first transcript and g2 an RNA cluster: all three are one group."""
    (tmp_path / "protein.tsv").write_text("p\tg0\np\tg1\nq\tg30\nq\tanother\n")
    (tmp_path / "rna.tsv").write_text("p\tg1.0\np\tg2\n")
    clusters = f"--clusters=[{tmp_path / 'protein.tsv'},{tmp_path / 'rna.tsv'}]"
    for seed in range(6):
        out = tmp_path / f"split{seed}"
        assert not main(["genes", "split", str(data), f"--out={out}", clusters, f"--seed={seed}", "--validation=0.2"])
        home = {key: name for name, keys in sides(out).items() for key in keys}
        assert home["g0.0"] == home["g1.0"] == home["g1.1"] == home["g2.2"]


def test_proteins_and_spliced_rnas_that_are_alike_are_linked(monkeypatch):
    """Introns do not count: they are full of repeats that genes share without being related."""
    seen = []
    monkeypatch.setattr(module, "similar", lambda sequences, identity: seen.append((sequences, identity)) or [])
    exonic = Track(np.array([0, 1, 1, 0, 1], np.int8), ("no", "yes"))
    coding = {"rna_seq": Sequence("ACGUA", "rna", "x"), "aa_seq": Sequence("MK", "protein", "x")}
    alike([Sample("a.1", coding | {"splice_regions": exonic}, {}, {}), Sample("b.1", coding, {}, {})], 0.3)
    alike([Sample("c.1", {"rna_seq": coding["rna_seq"]}, {}, {})], 0.3)
    assert seen == [
        ([("a.1", "MK"), ("b.1", "MK")], 0.3),
        ([("a.1", "CGA"), ("b.1", "ACGUA")], 0.3),
        ([("c.1", "ACGUA")], 0.3),
    ]


@pytest.mark.skipif(shutil.which("mmseqs") is None, reason="MMseqs2 is not installed")
def test_relatives_found_by_mmseqs_stay_together(tmp_path):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGU"), 300)) for _ in range(20)]
    rows = [
        Sample(f"g{i}{copy}.1", {"rna_seq": Sequence(text, "rna", "x")}, {"gene": f"g{i}{copy}"}, {})
        for i, text in enumerate(texts)
        for copy in "ab"
    ]
    write_records(iter(rows), tmp_path / "all")
    out = f"--out={tmp_path / 'split'}"
    assert not main(["genes", "split", str(tmp_path / "all"), out, "--identity=0.5", "--validation=0.3"])
    home = {key: name for name, keys in sides(tmp_path / "split").items() for key in keys}
    assert all(home[f"g{i}a.1"] == home[f"g{i}b.1"] for i in range(20))


def test_clusters_of_equal_names_in_two_files_are_two():
    named = [("a.1", "a"), ("b.1", "b"), ("c.1", "c")]
    assert groups(named, [("x 1", "a"), ("x 1", "b"), ("y 1", "c")]) == ["a", "a", "c"]


def test_shares_are_those_asked_for():
    part = parts([f"g{i}" for i in range(4000)], Split(0.1, 0.3))
    assert np.allclose(np.bincount(part) / 4000, [0.6, 0.1, 0.3], atol=0.03)


@pytest.mark.parametrize(
    ("text", "says"),
    [("one name\n", "line 1: 'one name' is not two names"), ("a\tnobody\n", "names none of the rows")],
)
def test_files_that_tell_nothing_are_refused(data, tmp_path, capsys, text, says):
    (tmp_path / "c.tsv").write_text(text)
    assert main(["genes", "split", str(data), f"--out={tmp_path / 's'}", f"--clusters=[{tmp_path / 'c.tsv'}]"]) == 1
    assert says in capsys.readouterr().err
