"""The verb: from a structure file to designs in one command; everything holds in all outputs."""

import csv

import gemmi
import numpy as np
import pytest
import torch
from Bio import SeqIO

from foundation.__main__ import main
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.pretrained import AnchoredModel
from foundation.sampling.design.constraints import Constraints

RULES = "require UGUA; forbid GAAUUC; forbid RRRRR; gc 0.3-0.6; length 12-24; max_homopolymer 3"
FULFILS = {
    "require": ("UGUA",), "forbid": ("GAAUUC", "RRRRR"), "gc": (0.3, 0.6), "length": (12, 24), "max_homopolymer": 3
}  # fmt: skip


def helix(name, residues, kind="protein", shift=0.0):
    """A chain of backbone atoms of an ideal helix, or of phosphates."""
    chain = gemmi.Chain(name)
    for i, residue_name in enumerate(residues):
        residue = gemmi.Residue()
        residue.name, residue.seqid = residue_name, gemmi.SeqId(str(i + 1))
        atoms = (("N", 1.55, -28), ("CA", 2.3, 0), ("C", 1.7, 26)) if kind == "protein" else (("P", 8.0, 0),)
        for order, (atom_name, radius, degrees) in enumerate(atoms):
            atom = gemmi.Atom()
            turn = np.deg2rad(100 * i + degrees)
            atom.name, atom.element = atom_name, gemmi.Element(atom_name[0])
            place = radius * np.cos(turn) + shift, radius * np.sin(turn), 1.5 * i + 0.5 * (order - 1)
            atom.pos, atom.occ = gemmi.Position(*place), 1.0
            residue.add_atom(atom)
        chain.add_residue(residue)
    return chain


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """mmCIF of a protein chain A and an RNA chain R."""
    return written(tmp_path_factory.mktemp("target") / "target.cif", [
        helix("A", ["ALA", "GLY", "LYS", "ARG", "MSE", "TRP", "SER", "HIS"]),
        helix("R", ["A", "C", "G", "U"], "rna", 20.0),
    ])  # fmt: skip


def written(path, chains):
    structure, model = gemmi.Structure(), gemmi.Model(1)
    for chain in chains:
        model.add_chain(chain)
    structure.add_model(model)
    structure.name = path.stem
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(path))
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Stored models with random weights, one a factorisation."""
    root = tmp_path_factory.mktemp("models")
    for order in ("pairs", "interleaved", "left_to_right"):
        torch.manual_seed(1)
        config = AnchoredConfig(8, 1, 1, 2, 4, 2, 2, 8, factorisation=order)
        AnchoredModel(config).save_pretrained(root / order)
    return root


def run(models, target, out, *more, order="pairs", n=20):
    first = ["design", "--model", str(models / order), "--structure", str(target), "--out", str(out), "--n", str(n)]
    return main([*first, *more])


def read(path):
    with path.open() as file:
        return [str(r.seq) for r in SeqIO.parse(file, "fasta")]


@pytest.mark.parametrize("order", ["pairs", "interleaved", "left_to_right"])
def test_constraints_hold_in_every_design(models, target, tmp_path, order, oracle):
    out = tmp_path / "designs.fasta"
    assert run(models, target, out, "--chain", "A", "--rules", RULES, order=order) == 0
    assert len(read(out)) > 10 and all(oracle.fulfils(word, **FULFILS) for word in read(out))
    page = (tmp_path / "designs.html").read_text()
    assert page.count("data:image/png;base64") == 2 and "http" not in page and "max_homopolymer 3" in page


def test_random_constraint_sets_hold(models, target, tmp_path, oracle):
    rng, tried = np.random.default_rng(2), 0
    for i in range(5):
        options = oracle.random_constraints(rng, (8, 16), 4)
        rules = "; ".join(Constraints(**options).clauses)
        if run(models, target, tmp_path / f"{i}.fa", "--rules", rules, order=["pairs", "interleaved"][i % 2], n=6) == 0:
            tried += 1
            assert all(oracle.fulfils(word, **options) for word in read(tmp_path / f"{i}.fa"))
    assert tried >= 3


def test_same_seed_same_designs_for_any_batch(models, target, tmp_path):
    rules = ["--rules", "template NNNNNUGUANNNNN; gc 0.3-0.7"]
    for name, more in (("a", ["--batch", "3"]), ("b", []), ("c", ["--seed", "1"])):
        assert run(models, target, tmp_path / f"{name}.fasta", *rules, *more) == 0
    a, b, c = ((tmp_path / f"{name}.fasta").read_text() for name in "abc")
    assert a == b != c


def test_constraints_from_a_file_an_anchor_and_decoys(models, target, tmp_path, oracle, capsys):
    (tmp_path / "constraints.yaml").write_text("require: [UGUA @ 3-12]\ngc: [0.2, 0.7]\nlength: [12, 16]\n")
    (tmp_path / "decoys").mkdir()
    written(tmp_path / "decoys" / "other.cif", [helix("B", ["LEU", "GLU", "PHE", "ASP", "VAL"])])
    (tmp_path / "decoys" / "notes.txt").write_text("nothing")
    more = ["--constraints", str(tmp_path / "constraints.yaml"), "--anchor", "5", "--distance", "0.3"]
    out = tmp_path / "d.fasta"
    assert run(models, target, out, *more, "--decoys", str(tmp_path / "decoys"), "--fold", "false") == 0
    assert "left out" in capsys.readouterr().err
    with (tmp_path / "d.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["anchor"] for row in rows} == {"5"}
    found = [float(row["specificity"]) for row in rows]
    assert found == sorted(found, reverse=True)
    fulfils = {"require": ("UGUA @ 3-12",), "gc": (0.2, 0.7), "length": (12, 16)}
    assert all(oracle.fulfils(row["sequence"], **fulfils) for row in rows)


def test_dna_has_t(models, target, tmp_path):
    assert run(models, target, tmp_path / "d.fasta", "--rna", "false", "--rules", "require TTGT; length 10-20") == 0
    assert all("TTGT" in word and "U" not in word for word in read(tmp_path / "d.fasta"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--chain", "Q"], "'Q'; it has chains A (protein"),
        (["--chain", "R"], "has no protein"),
        (["--rules", "require GGGG; max_homopolymer 3"], "together: require GGGG; max_homopolymer 3"),
        (["--rules", "gc 0.1-0.9", "--constraints.length", "[5, 6]"], "Give one of them"),
        (["--rules", "template NNNN", "--anchor", "9"], "possible are 0-4"),
        (["--n", "0"], "at least 1 sequence"),
        (["--model", "nowhere"], "nowhere"),
    ],
)
def test_refused_before_work(models, target, tmp_path, more, said, capsys):
    assert run(models, target, tmp_path / "d.fasta", *more) == 1
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert not list(tmp_path.glob("d.*"))


def test_files_that_exist_are_kept(models, target, tmp_path, capsys):
    (tmp_path / "d.csv").write_text("mine")
    assert run(models, target, tmp_path / "d.fasta") == 1
    assert "d.csv exists. Give another `--out`, or add `--overwrite`" in capsys.readouterr().err
    assert run(models, target, tmp_path / "d.fasta", "--overwrite", n=2) == 0
    assert (tmp_path / "d.csv").read_text() != "mine"
    assert run(models, target, tmp_path / "d.txt") == 1
    assert "Give a name in .fasta" in capsys.readouterr().err


def test_a_real_complex(models, bio_data, tmp_path):
    out = tmp_path / "d.fasta"
    assert run(models, bio_data / "structure" / "2q2k.cif", out, "--chain", "A", "--rules", RULES, n=4) == 0
    assert read(out)
