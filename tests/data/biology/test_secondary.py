"""Secondary structure against mkdssp's answers, the depositors' helices, and an ideal helix."""

from dataclasses import replace

import numpy as np
import pytest

from foundation.data.biology.residues import residue_count, residue_tracks, tracks_of_chain
from foundation.data.biology.secondary import STATES, secondary_structure
from foundation.data.formats.structure import read_structure
from foundation.tokenizers.track_symbols import SymbolsTokenizer
from foundation.tokenizers.tracks import SYMBOLS

pytest.importorskip("mdtraj")
MKDSSP = {  # version 4.2.2 of these files; P, its state of left-handed helices, is C
    "1A8O.cif": ["CCCCCCTTSCHHHHHHHHHHHHHTTTCCHHHHHHHHHTHHHHTSCHHHHHHHHTTCTTCCHHHHHHHTCC"],
    "3zee.cif": ["CCCEEEECBTTSCEEEECTTCCSBHHHHHHHHHHHHHHHHCSSSCSCCEEEEEECSSCCBCCSSSBHHHHSCSSCBCEEEEECC"],
    "2q2k.cif": [
        "CEEEEEEEEETTTSHHHHHHHTTSCTTCHHHHHHHHHHHHHHHCC",
        "CEEEEEEEEETTTSHHHHHHHHHSCTTSHHHHHHHHHHHHHHTC",
    ],
    "1LCD.cif.gz": ["CCCCCHHHHHHHHTSCHHHHHHHHSSCCCCCHHHHHHHHHHHHHSCCCTTC"],
}


def spelled(states):
    return "".join("?" if s < 0 else STATES[s] for s in states)


@pytest.mark.parametrize("name", MKDSSP)
def test_states_are_those_of_mkdssp(bio_data, name):
    structure = read_structure(bio_data / "structure" / name)
    states = secondary_structure(structure)
    found = [spelled(states[c.start : c.end]) for c in structure.polymers if c.kind == "protein"]
    assert found == MKDSSP[name]
    assert (states[~structure.is_kind("protein")] == -1).all()


def test_helices_are_where_the_depositors_saw_them(bio_data):
    gemmi = pytest.importorskip("gemmi")
    path = bio_data / "structure" / "1A8O.cif"
    block = gemmi.cif.read(str(path))[0]
    table = block.find("_struct_conf.", ["conf_type_id", "beg_label_seq_id", "end_label_seq_id"])
    helix = np.zeros(70, bool)
    for kind, begin, end in table:
        if kind == "HELX_P":
            helix[int(begin) - 1 : int(end)] = True
    ours = np.isin(list(spelled(secondary_structure(read_structure(path))[:70])), ["H", "G", "I", "T"])
    assert ours[helix].mean() > 0.95 and ours[~helix].mean() < 0.5


def test_an_ideal_helix_is_one_however_it_lies_and_breaks_where_its_chain_does(write_complex, tmp_path, rng):
    structure = read_structure(write_complex(tmp_path / "x.cif", {"A": "A" * 20}, {"R": "ACGU"}))
    states = spelled(secondary_structure(structure))
    assert set(states[1:19]) == {"H"} and states[20:] == "????"
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn[:, 0] *= np.linalg.det(turn)
    turned = replace(structure, coordinates=structure.coordinates @ turn.T + 30)
    assert spelled(secondary_structure(turned)) == states
    apart = structure.coordinates + np.where(structure.residue_of_atom >= 10, 40.0, 0.0)[:, None]
    broken = spelled(secondary_structure(replace(structure, coordinates=apart)))
    assert broken[8:11] != "HHH" and broken[2:7] == broken[13:18] == "HHHHH"


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_residues_without_a_whole_backbone_are_not_known(bio_data):
    structure = read_structure(bio_data / "structure" / "1A8O.cif")
    atoms = structure.atom_name.copy()
    first = structure.atom_start[30]
    atoms[first : structure.atom_start[31]] = atoms[first + 4]  # all called as its side chain's first atom
    states = spelled(secondary_structure(replace(structure, atom_name=atoms))[:70])
    assert states[30] == "?" and "?" not in states[:30] + states[31:]


def test_tracks_of_a_real_protein_lie_at_the_places_of_the_whole_molecule(bio_data):
    structure = read_structure(bio_data / "structure" / "2q2k.cif")
    chain = next(c for c in structure.polymers if c.author == "A")
    tracks = tracks_of_chain(structure, chain)
    assert set(tracks) == {"sasa", "dssp", "prot_struct"}
    assert {residue_count(track) for track in tracks.values()} == {len(chain.expected)} == {70}
    known = structure.label[chain.start : chain.end] - 1
    assert np.flatnonzero(tracks["dssp"].known).tolist() == np.flatnonzero(tracks["sasa"].known).tolist()
    assert np.flatnonzero(tracks["dssp"].known).tolist() == known.tolist()
    fold = tracks["prot_struct"]
    np.testing.assert_array_equal(fold.backbone[0], structure.backbone[0][chain.start : chain.end])
    assert len(fold.coordinates) == 4 * len(fold)
    codes = SymbolsTokenizer(SYMBOLS["dssp"], "dssp").encode([tracks["dssp"]])[0].ids
    symbols = [*SYMBOLS["dssp"].symbols, "#", "_", "?"]
    assert "".join(symbols[i] for i in codes if symbols[i] != "?") == MKDSSP["2q2k.cif"][0]


def test_a_chain_of_carbons_has_an_area_only(write_complex, tmp_path):
    structure = read_structure(write_complex(tmp_path / "x.cif", {"A": "A" * 5}, {}))
    names = np.array(["CA"] * len(structure.coordinates)).astype("S6")
    assert set(residue_tracks(replace(structure, atom_name=names))) == {"sasa"}
