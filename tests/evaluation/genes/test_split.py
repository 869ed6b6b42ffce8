"""Splits of genes: no transcript of a gene and no relative is on two sides, every row is on one."""

import numpy as np
import pytest

from foundation.__main__ import main
from foundation.data.records import Sample, Sequence
from foundation.data.shards import RecordShards, write_records
from foundation.evaluation.genes.split import PARTS, groups, parts
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
