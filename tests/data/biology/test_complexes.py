"""Complexes: who touches whom, by brute force; strands with the letters that were not seen; windows and draws."""

import numpy as np
import pytest

from foundation.data.biology.complexes import complexes_of, targets_of
from foundation.data.biology.draws import ClusterDraws, window_around
from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.strand import strand_of
from foundation.data.formats.structure import read_structure
from foundation.errors import FoundationError

HELIX, STRAND = "MKRAQWEFGHIKLSTVAYDC", "GGACUUCGAUCCAGUACGGA"


@pytest.fixture
def structure(write_complex, tmp_path):
    return read_structure(write_complex(tmp_path / "made.cif", {"A": HELIX, "B": "GAVLKKR"}, {"R": STRAND}))


def touching(structure, protein, strand, distance=5.0):
    """Author numbers of residues of two chains with any atoms within a distance, in float64."""
    one, other = structure.select(protein), structure.select(strand)
    apart = np.linalg.norm(one.coordinates.astype(float)[:, None] - other.coordinates.astype(float)[None], axis=-1)
    atoms = np.argwhere(apart <= distance)
    rows = one.residue_of_atom[atoms[:, 0]], other.residue_of_atom[atoms[:, 1]]
    return sorted({(int(one.number[i]), int(other.number[j])) for i, j in zip(*rows, strict=True)})


def test_each_protein_chain_that_touches_a_strand_makes_a_complex(structure):
    made = complexes_of(structure)
    assert [c.name for c in made] == ["made:A:R", "made:B:R"]
    assert [c.target.letters for c in made] == [HELIX, "GAVLKKR"]
    for one in made:
        assert (one.letters, one.rna) == (STRAND, True)
        chain = one.target.name[-1]
        numbers = [(int(i) + 1, int(j) + 1) for i, j in one.contacts]
        assert numbers == touching(structure, chain, "R")
        assert one.anchors.tolist() == sorted({j - 1 for _, j in numbers})


def test_chains_may_be_taken_together(structure):
    [both] = complexes_of(structure, together=True)
    assert both.name == "made:A,B:R"
    assert both.target.letters == HELIX + "GAVLKKR"
    numbers = {(int(structure.number[both.target.frames.source[i]]), int(j) + 1) for i, j in both.contacts}
    assert numbers == set(touching(structure, "A", "R")) | set(touching(structure, "B", "R"))
    assert [t.name for t in targets_of(structure)] == ["made:A", "made:B"]


def test_what_does_not_touch_makes_no_complex(write_complex, tmp_path):
    far = read_structure(write_complex(tmp_path / "far.cif", {"A": HELIX}, {"R": STRAND}, apart=40.0))
    assert complexes_of(far) == []
    assert complexes_of(far.select("A")) == []


def test_a_strand_has_the_letters_that_were_not_seen(bio_data):
    structure = read_structure(bio_data / "structure" / "2q2k.cif")
    [chain] = [c for c in structure.chains if c.kind == "dna"]
    assert strand_of(structure, chain).letters == chain.expected.replace("T", "U")
    made = complexes_of(structure)
    assert {c.target.name for c in made} == {"2Q2K:A", "2Q2K:B"}
    assert not made[0].rna
    for one in made:
        seen = {(int(structure.number[one.target.frames.source[i]]), int(structure.number[j])) for i, j in one.contacts}
        assert seen == set(touching(structure, one.target.name[-1], "F"))


def test_a_gap_that_the_file_does_not_tell_is_a_break(structure):
    chain = structure.chains[2]
    part = structure.keep(~np.isin(np.arange(len(structure)), [chain.start + 7, chain.start + 8]))
    part = type(part)(**{f: getattr(part, f) for f in part.__dataclass_fields__} | {"expected": ("",) * 3})
    strand = strand_of(part, part.chains[2])
    assert strand.letters == STRAND[:7] + "N" + STRAND[9:]
    assert strand.place.tolist() == [*range(7), *range(8, 19)]


@pytest.mark.parametrize(
    ("letters", "place", "longest", "window"),
    [
        ("ACGUACGU", 3, 100, (0, 8, (True, True))),
        ("ACGUACGU", 3, 4, (2, 6, (False, False))),
        ("ACGUACGU", 0, 4, (0, 4, (True, False))),
        ("ACGUACGU", 7, 4, (4, 8, (False, True))),
        ("ACNUACNU", 4, 100, (3, 6, (False, False))),
        ("ACNUACGU", 1, 100, (0, 2, (True, False))),
        ("ACGUACGU", 3, 5, (2, 7, (False, False))),
    ],
)
def test_windows_lie_around_the_anchor(letters, place, longest, window):
    found = window_around(letters, place, longest)
    assert found == window
    assert found.start <= place < found.end


def test_every_epoch_has_each_cluster_equally_often():
    clusters = np.array([0, 0, 0, 1, 2, 2])
    draws = ClusterDraws(clusters, each=4, seed=3)
    assert draws.epoch == 12
    epochs = [[draws[e * 12 + i][0] for i in range(12)] for e in range(40)]
    assert all(np.bincount(clusters[epoch]).tolist() == [4, 4, 4] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 40
    often = np.bincount(np.concatenate(epochs))
    assert often.min() > 30  # 53 of each of the first three, 160 and 80 are expected


def test_a_draw_depends_on_its_number_alone():
    clusters = np.array([0, 1, 1])
    one, other = ClusterDraws(clusters, seed=1), ClusterDraws(clusters, seed=1)
    far = [other[i] for i in (70, 3)]
    assert (one[70][0], one[70][1].random()) == (far[0][0], far[0][1].random())
    assert one[3][0] == far[1][0]
    with pytest.raises(FoundationError, match="0 examples"):
        ClusterDraws(np.zeros(0, np.int64))


def test_targets_name_their_residues(structure):
    target = targets_of(structure)[0]
    assert [AMINO_ACIDS[i] for i in target.frames.residues] == list(HELIX)
    assert target.frames.index.tolist() == list(range(20))
