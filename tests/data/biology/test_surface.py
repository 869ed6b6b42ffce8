"""Surfaces: curvature of balls and tori by closed forms, charges and bonds by their sign, and real chains turned."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from Bio.SeqUtils.ProtParamData import kd
from scipy.spatial.transform import Rotation

from foundation.data.biology.residues import accessible_area
from foundation.data.biology.structure import RESIDUE_KINDS, Structure
from foundation.data.biology.surface import SURFACE, surface_tracks
from foundation.data.biology.union import SOFT, Level, Union, curvatures, shape_index
from foundation.data.formats.structure import read_structure


def by_autograd(function, places):
    """Value and derivatives of any function of place."""
    x = torch.tensor(places)
    value = torch.stack([function(p) for p in x])
    gradient = torch.stack([torch.autograd.functional.jacobian(function, p) for p in x])
    hessian = torch.stack([torch.autograd.functional.hessian(function, p) for p in x])
    return Level(*(t.numpy() for t in (value, gradient, hessian)))


def test_curvatures_of_a_torus_are_those_of_the_closed_form():
    """Around the tube 1 / r; along the ring cos(v) / (R + r cos(v)): positive outside, negative in the hole."""
    ring, tube = 5.0, 2.0
    v, u = np.linspace(0.2, 6.0, 12), np.linspace(0, 5, 12)
    away = ring + tube * np.cos(v)
    places = np.stack([away * np.cos(u), away * np.sin(u), tube * np.sin(v)], 1)
    found = curvatures(by_autograd(lambda p: ((p[:2].norm() - ring) ** 2 + p[2] ** 2).sqrt() - tube, places))
    expected = np.sort(np.stack([np.full(12, 1 / tube), np.cos(v) / away], 1))[:, ::-1]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    scaled = curvatures(by_autograd(lambda p: 7 * (((p[:2].norm() - ring) ** 2 + p[2] ** 2).sqrt() - tube), places))
    np.testing.assert_allclose(scaled, expected, atol=1e-9)


def test_shape_index_names_the_shapes():
    named = {"knob": (1, 1), "ridge": (1, 0), "saddle": (1, -1), "groove": (0, -1), "pit": (-1, -1)}
    found = shape_index(np.array(list(named.values()), float))
    np.testing.assert_allclose(found, [1, 0.5, 0, -0.5, -1], atol=1e-12)


def test_derivatives_of_a_union_are_those_of_autograd():
    rng = np.random.default_rng(0)
    centres, radii, places = rng.normal(0, 2, (9, 3)), rng.uniform(1, 2, 9), rng.normal(0, 4, (6, 3))
    c, r = torch.tensor(centres), torch.tensor(radii)
    expected = by_autograd(lambda p: -SOFT * torch.logsumexp(((r - (p - c).norm(dim=1)) / SOFT), 0), places)
    for one, other in zip(Union(centres, radii).at(places), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_a_ball_is_round_and_all_of_its_points_lie_on_it():
    ball = Union(np.array([[1.0, 2, 3]]), np.array([1.7]))
    points = ball.surface(np.array([1.0, 2, 3]) + np.random.default_rng(0).normal(0, 2, (50, 3)))
    np.testing.assert_allclose(np.linalg.norm(points - [1, 2, 3], axis=1), 1.7, atol=0.02)
    np.testing.assert_allclose(curvatures(ball.at(points)), 1 / 1.7, rtol=0.02)
    np.testing.assert_allclose(shape_index(curvatures(ball.at(points))), 1, atol=1e-3)


def residue(letter, atoms, number=1):
    """One residue in the middle of a chain of three; the others are glycines far away."""
    names = ["CA", *atoms, "CA"]
    places = np.array([[99.0, 0, 0], *atoms.values(), [-99.0, 0, 0]], np.float32)
    n, blank = len(names), np.array([""] * len(names))
    return Structure(
        coordinates=places, atom_name=np.array(names), element=np.array([name[0] for name in names]),
        occupancy=np.ones(n), b_factor=np.zeros(n), altloc=blank, alternates=np.zeros(n),
        atom_start=np.array([0, 1, n - 1, n]), residue_name=np.array(["GLY", "UNK", "GLY"]), letters=f"G{letter}G",
        number=np.arange(3), insertion=blank[:3], label=np.arange(3) + 1, kind=np.zeros(3),
        residue_start=np.array([0, 3]), author=("A",), chain_label=("A",), expected=(f"G{letter}G",),
    )  # fmt: skip


@pytest.mark.parametrize(("letter", "end", "sign"), [("K", "NZ", 1), ("D", "OD1", -1), ("L", "CD1", 0), ("S", "OG", 0)])
def test_charges_have_the_sign_of_their_residue(letter, end, sign):
    found = surface_tracks(residue(letter, {"CB": (0, 0, 0), end: (1.5, 0, 0)}))
    assert np.sign(found["masif_charge"][1]) == sign
    assert found["masif_hydrophobicity"][1] == pytest.approx(kd[letter] / 4.5)


def test_bonds_are_ahead_of_what_gives_and_takes_hydrogens():
    """Two atoms apart from all others: the farther one gives, takes, or does neither; proline's N gives none."""
    told = {}
    for letter, name in (("S", "OG"), ("D", "OD1"), ("A", "O"), ("A", "N"), ("P", "N"), ("A", "CB")):
        told[letter, name] = surface_tracks(residue(letter, {"CA": (0, 0, 0), name: (1.4, 0, 0)}))["masif_hbond"][1]
    assert told["S", "OG"] > 1 and told["A", "N"] > 1
    assert told["D", "OD1"] < -1 and told["A", "O"] < -1
    assert told["P", "N"] == told["A", "CB"] == 0


def test_what_is_alone_is_a_knob_and_what_is_inside_has_no_surface():
    corners = np.stack(np.meshgrid(*[(-2.0, 0, 2)] * 3), -1).reshape(-1, 3)
    shell = {f"C{i}": tuple(place) for i, place in enumerate(corners) if place.any()}
    hollow, full = (surface_tracks(residue("A", atoms)) for atoms in (shell, {**shell, "CA": (0, 0, 0)}))
    assert full["masif_n_vertices"][1] == pytest.approx(hollow["masif_n_vertices"][1], rel=0.06)
    assert full["masif_si_index"][0] == pytest.approx(1, abs=1e-3)


def test_real_chains_do_not_depend_on_how_they_lie(bio_data):
    structure = read_structure(bio_data / "structure" / "1A8O.cif")
    tracks = surface_tracks(structure)
    turn = Rotation.random(random_state=0).as_matrix()
    turned = surface_tracks(replace(structure, coordinates=structure.coordinates @ turn.T + 5))
    known = ~np.isnan(tracks["masif_n_vertices"]) & ~np.isnan(turned["masif_n_vertices"])
    protein = structure.kind == RESIDUE_KINDS.index("protein")
    assert set(tracks) == set(SURFACE) and not known[~protein].any() and known[protein].mean() > 0.95
    for name in SURFACE:
        assert np.corrcoef(tracks[name][known], turned[name][known])[0, 1] > 0.95, name
    area = accessible_area(structure)
    assert np.corrcoef(tracks["masif_n_vertices"][known], area[known])[0, 1] > 0.9
    letters = np.array(list(structure.letters))
    means = {x: tracks["masif_charge"][known & np.isin(letters, list(x))].mean() for x in ("KR", "DE", "LIV")}
    assert means["KR"] > 10 > abs(means["LIV"]) and means["DE"] < -10
