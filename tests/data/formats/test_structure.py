"""PDB and mmCIF files become structures, held to biopython's reading; what is wrong with them is one sentence."""

import gzip
import re
import sys

import gemmi
import numpy as np
import pytest
from Bio.PDB.MMCIFParser import MMCIFParser

from foundation.__main__ import main
from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError
from foundation.data.formats.structure import read_structure
from foundation.data.shards import RecordShards

LINE = "ATOM  {:>5} {:<4}{}{:>3} {}{:>4}{}   {:8.3f}{:8.3f}{:8.3f}{:6.2f} 10.00          {:>2}\n"


def atom(number, name, residue, place, at=(0.0, 0.0, 0.0), altloc=" ", chain="A", code=" ", occupancy=1.0):
    return LINE.format(number, f" {name}", altloc, residue, chain, place, code, *at, occupancy, name[0])


def backbone(residue, place, start=1, **parts):
    """N, CA and C of one residue, each at its own point."""
    points = (np.array([[1.4, 0, 0], [0, 0, 0], [-0.5, 1.4, 0]]) + 3.8 * place).tolist()
    return "".join(
        atom(start + i, name, residue, place, at, **parts)
        for i, (name, at) in enumerate(zip(("N", "CA", "C"), points, strict=True))
    )


@pytest.fixture
def write(tmp_path):
    def write(text, name="x.pdb"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["1A8O.cif", "2q2k.cif", "3zee.cif", "1LCD.cif.gz"])
def test_real_structures_are_read_as_biopython_reads_them(bio_data, name):
    path = bio_data / "structure" / name
    structure = read_structure(path)
    opener = gzip.open if name.endswith(".gz") else open
    with opener(path, "rt") as file:
        model = next(iter(MMCIFParser(QUIET=True).get_structure("x", file)))
    assert len(structure.coordinates) == sum(1 for _ in model.get_atoms())
    names = structure.residue_names
    for chain in structure.chains:
        theirs = {(r.id[1], r.id[2].strip(), r.resname): r for r in model[chain.author]}
        for residue in range(chain.start, chain.end):
            key = (int(structure.number[residue]), chr(structure.insertion[residue, 0]).strip("\0"), names[residue])
            own = structure.coordinates[structure.atom_start[residue] : structure.atom_start[residue + 1]]
            np.testing.assert_allclose(own, [a.coord for a in theirs[key]], atol=1e-3)


def test_modified_residues_have_the_letter_of_their_parent(bio_data):
    structure = read_structure(bio_data / "structure" / "1A8O.cif")
    chain = structure.select("A")
    assert chain.residue_names[0] == "MSE"
    assert chain.letters[0] == "M"
    assert "X" not in chain.letters
    assert chain.letters == structure.chains[0].expected
    assert structure.is_kind("water").sum() == 88


def test_models_are_counted_and_chosen(bio_data):
    path = bio_data / "structure" / "1LCD.cif.gz"
    first, third = read_structure(path), read_structure(path, 3)
    assert (first.models, first.model, third.model) == (3, 1, 3)
    one, other = (s.select("A,B,C") for s in (first, third))
    assert one.letters == other.letters
    assert np.abs(one.coordinates - other.coordinates).max() > 0.1
    with pytest.raises(FormatError, match="has models 1 to 3, not 4"):
        read_structure(path, 4)


def test_the_place_with_the_highest_occupancy_is_chosen(write):
    lines = backbone("ALA", 1)
    for letter, occupancy, x in (("A", 0.3, 5.0), ("B", 0.6, 6.0), ("C", 0.1, 7.0)):
        lines += atom(9, "CB", "ALA", 1, (x, 0, 0), letter, occupancy=occupancy)
        lines += atom(9, "OG", "ALA", 1, (x, 1, 0), letter, occupancy=occupancy)
    structure = read_structure(write(lines))
    assert structure.coordinates[3:, 0].tolist() == [6.0, 6.0]
    assert structure.alternates.tolist() == [0, 0, 0, 2, 2]
    assert bytes(structure.altloc.ravel()) == b"\0\0\0BB"
    np.testing.assert_allclose(structure.occupancy[3:], 0.6)


def test_one_of_two_residues_at_one_place_is_chosen(write):
    lines = backbone("SER", 1, altloc="A", occupancy=0.4) + backbone("THR", 1, altloc="B", occupancy=0.6)
    structure = read_structure(write(lines + backbone("GLY", 2)))
    assert structure.letters == "TG"
    assert structure.alternates.sum() == 3


def test_insertion_codes_keep_residues_apart(write):
    lines = backbone("ALA", 52) + backbone("GLY", 52, code="A") + backbone("VAL", 53)
    structure = read_structure(write(lines))
    assert structure.letters == "AGV"
    assert structure.number.tolist() == [52, 52, 53]
    assert structure.select("A:52-52").letters == "AG"
    assert structure.select("A:52A-53").letters == "GV"


def test_a_residue_without_alpha_carbon_is_marked_not_dropped(write):
    lines = backbone("ALA", 1) + atom(4, "N", "GLY", 2) + atom(5, "C", "GLY", 2, (1, 0, 0)) + backbone("VAL", 3)
    structure = read_structure(write(lines))
    assert structure.letters == "AGV"
    assert structure.backbone[1].tolist() == [True, False, True]


def test_unknown_residues_are_marked(write):
    lines = backbone("ALA", 1) + backbone("ZZZ", 2) + backbone("VAL", 3)
    assert read_structure(write(lines.replace("ZZZ", "UNK"))).letters == "AXV"


def test_five_thousand_residues_are_read(write):
    text = "".join(backbone("ALA", i % 9000, chain="A") for i in range(1, 5001))
    structure = read_structure(write(text))
    assert len(structure) == 5000
    assert structure.backbone[1].all()


def test_pdb_and_mmcif_of_one_structure_agree(bio_data, tmp_path):
    whole = gemmi.read_structure(str(bio_data / "structure" / "2q2k.cif"))
    whole.write_pdb(str(tmp_path / "x.pdb"))
    one, two = read_structure(bio_data / "structure" / "2q2k.cif"), read_structure(tmp_path / "x.pdb")
    for chain in "ABF":
        mine, other = one.select(chain), two.select(chain)
        assert mine.letters == other.letters
        assert mine.residue_names.tolist() == other.residue_names.tolist()
        np.testing.assert_allclose(mine.coordinates, other.coordinates, atol=1e-3)


@pytest.mark.parametrize("kept", [0.05, 0.1, 0.3, 0.5])
def test_mmcif_that_is_cut_short_is_refused(bio_data, write, kept):
    text = (bio_data / "structure" / "2q2k.cif").read_text()
    path = write(text[: int(len(text) * kept)], "x.cif")
    with pytest.raises(FormatError, match=rf"{re.escape(str(path))}: (is damaged or cut short|has no atoms)"):
        read_structure(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (backbone("ALA", 1).replace("   3.800", "   xx.xx"), "line 1 has no coordinates in columns 31 to 54"),
        (backbone("ALA", 1)[:40], "line 1 has no coordinates"),
        ("HEADER    NOTHING\n", "has no atoms"),
        ("REMARK 1\nEND\n", "has no atoms"),
        ("data_x\n_cell.length_a 1\n", "has no atoms"),
        ("data_x\nloop_\n_a\n_b\n1 2 3\n", "is damaged or cut short"),
        ("hello\n", "begins neither as mmCIF nor as PDB"),
        ("", "is empty"),
    ],
)
def test_what_is_no_structure_is_refused_with_its_name(write, text, says):
    path = write(text)
    with pytest.raises(FormatError, match=says) as error:
        read_structure(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_packed_file_that_is_cut_short_is_refused(bio_data, tmp_path):
    path = tmp_path / "x.cif.gz"
    path.write_bytes((bio_data / "structure" / "1LCD.cif.gz").read_bytes()[:-1000])
    with pytest.raises(FormatError, match="is damaged or cut short"):
        read_structure(path)


def test_ligands_and_waters_stand_apart(bio_data):
    structure = read_structure(bio_data / "structure" / "2q2k.cif")
    assert [(c.author, c.kind) for c in structure.chains] == [
        ("F", "dna"), ("A", "protein"), ("A", "ligand"), ("B", "protein"),
    ]  # fmt: skip
    assert structure.select("A").is_kind("protein").all()


def test_a_directory_of_structures_and_sequences_is_ingested(bio_data, tmp_path, capsys):
    for name in ("structure/3zee.cif", "structure/1LCD.cif.gz", "sequence/NC_005816.fna"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes((bio_data / name).read_bytes())
    assert main(["ingest", str(tmp_path / "in"), "--out", str(tmp_path / "shards")]) == 0
    printed = capsys.readouterr().out
    assert "holds 3 models; the first was read" in printed
    samples = {s.key: s for s in RecordShards(tmp_path / "shards")}
    assert set(samples) >= {"3ZEE", "1LCD"}
    stored = samples["3ZEE"]["structure"]
    np.testing.assert_array_equal(stored.coordinates, read_structure(tmp_path / "in/structure/3zee.cif").coordinates)
    assert main(["inspect", str(tmp_path / "in/structure/1LCD.cif.gz")]) == 0
    assert "A protein 51" in capsys.readouterr().out


def test_a_missing_reader_is_explained(write, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "gemmi", None)
    path = write(backbone("ALA", 1))
    assert main(["ingest", str(path), "--out", str(tmp_path / "shards")]) == 1
    assert "pip install 'foundation-science[bio]'" in capsys.readouterr().err


def test_every_file_of_the_catalogue_says_so(write):
    with pytest.raises(FormatError, match="begins as no file of sequences or structures does"):
        list(read_file(write("hello\n", "x.txt")))
