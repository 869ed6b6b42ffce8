"""Simulated proteins: their geometry is that of proteins, their letters are drawn from what is said of them."""

import json

import numpy as np
import pytest

from foundation.__main__ import main
from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.secondary import STATES, secondary_structure
from foundation.data.formats.structure import read_structure
from foundation.data.simulate.proteins.command import simulated
from foundation.data.simulate.proteins.fold import draw_fold
from foundation.data.simulate.proteins.letters import draw_letters, probabilities


@pytest.fixture(scope="module")
def folds():
    return [draw_fold(60, np.random.default_rng(i)) for i in range(6)]


def test_bonds_and_angles_are_those_of_proteins(folds):
    for fold in folds:
        n, alpha, carbon, oxygen, beta = np.moveaxis(fold.atoms, 1, 0)
        for a, b, length in ((n, alpha, 1.458), (alpha, carbon, 1.525), (carbon, oxygen, 1.229), (alpha, beta, 1.53)):
            np.testing.assert_allclose(np.linalg.norm(a - b, axis=1), length, atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(n[1:] - carbon[:-1], axis=1), 1.329, atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(alpha[1:] - alpha[:-1], axis=1), 3.80, atol=0.05)  # trans
        assert np.linalg.norm(oxygen[:-1] - n[1:], axis=1).min() > 2.1
        chirality = np.einsum("ri,ri->r", np.cross(carbon - alpha, n - alpha), beta - alpha)
        assert (chirality < 0).all() or (chirality > 0).all()


def test_the_hand_of_simulated_residues_is_that_of_real_ones(folds, bio_data):
    real = read_structure(bio_data / "structure" / "1A8O.cif")
    there = np.isfinite(real.place("CB")).all(1) & real.backbone[1]
    n, alpha, carbon = np.moveaxis(real.backbone[0][there], 1, 0)
    hand = np.einsum("ri,ri->r", np.cross(carbon - alpha, n - alpha), real.place("CB")[there] - alpha)
    own = folds[0].atoms[:3]
    ours = np.cross(own[:, 2] - own[:, 1], own[:, 0] - own[:, 1])
    assert (np.sign(np.einsum("ri,ri->r", ours, own[:, 4] - own[:, 1])) == np.sign(hand.mean())).all()
    np.testing.assert_allclose(np.einsum("ri,ri->r", ours, own[:, 4] - own[:, 1]), hand.mean(), rtol=0.1)


def test_helices_are_helices_to_dssp_and_chains_fold_back():
    pytest.importorskip("mdtraj")
    inside, size = [], []
    for one in simulated(6, 60, 90):
        states = np.array(list("".join(STATES[s] for s in secondary_structure(one.structure))))
        built = np.array(list(one.state))
        middle = built[1:-1] == "H"
        middle &= (built[:-2] == "H") & (built[2:] == "H")
        inside += (states[1:-1][middle] == "H").tolist()
        alpha = one.structure.place("CA")
        size.append(np.sqrt(((alpha - alpha.mean(0)) ** 2).sum(1).mean()) / (2.2 * len(alpha) ** 0.38))
    assert np.mean(inside) > 0.95
    assert np.median(size) < 1.4  # of the radius of globular proteins of as many residues


def test_letters_are_drawn_from_what_is_said_of_them(folds):
    p = probabilities(folds[0])
    np.testing.assert_allclose(p.sum(1), 1)
    rng = np.random.default_rng(0)
    drawn = np.array([[AMINO_ACIDS.index(x) for x in draw_letters(p, rng)] for _ in range(3000)])
    share = np.stack([(drawn == i).mean(0) for i in range(20)], 1)
    np.testing.assert_allclose(share, p, atol=0.05)
    assert p[folds[0].left, AMINO_ACIDS.index("G")].min(initial=1) > 0.2


def test_the_verb_writes_files_that_are_read_again(tmp_path, capsys):
    assert main(["simulate", "proteins", f"--out={tmp_path / 'p'}", "--proteins=3", "--longest=60"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "p" / "truth.jsonl").read_text().splitlines()]
    for one, line in zip(simulated(3, 50, 60), lines, strict=True):
        again = read_structure(tmp_path / "p" / "structures" / f"{line['protein']}.cif")
        assert (again.letters, again.expected) == (one.structure.letters, one.structure.expected)
        np.testing.assert_allclose(again.coordinates, one.structure.coordinates, atol=2e-3)
        assert len(line["state"]) == len(again) and 0 < line["recovery"] < 1
    assert main(["simulate", "proteins", f"--out={tmp_path}", "--proteins=3"]) == 1
    assert "holds no simulated proteins" in capsys.readouterr().err
