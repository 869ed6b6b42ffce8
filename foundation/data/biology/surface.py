"""Surface: what water meets at each residue of a protein: shape, charge, hydropathy and hydrogen bonds (MaSIF's five).

The tracks are those of LORE, whose own come from reduce, MSMS and APBS, which are no Python packages. Here points lie
on a smooth union of the heavy atoms, charges are those of ionised groups in a medium whose permittivity grows with
distance, and directions of hydrogen bonds follow from heavy atoms. So signs and patterns agree, numbers do not, and a
model has to be trained on what it is asked with.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float32, Float64, Int64

from foundation.data.biology.hydropathy import STRONGEST, hydropathy
from foundation.data.biology.names import as_text, is_name
from foundation.data.biology.structure import Structure
from foundation.data.biology.union import Union, curvatures, shape_index

SURFACE = ("masif_n_vertices", "masif_si_index", "masif_charge", "masif_hydrophobicity", "masif_hbond")
RADII = {"C": 1.7, "N": 1.55, "O": 1.52, "S": 1.8, "SE": 1.9}  # Å (Bondi 1964)
OTHER_RADIUS = 1.8
DIRECTIONS = 24  # from each atom, in which points are begun
BURIED = -1.5  # Å within the union, where none is begun
SPACING = 1.0  # Å between points
REACH = 2.8  # Å from a residue's atoms to points that are its own
# share of an elementary charge at neutral pH; histidine has none
CHARGES = {("K", "NZ"): 1.0, ("R", "NH1"): 0.5, ("R", "NH2"): 0.5, ("D", "OD1"): -0.5, ("D", "OD2"): -0.5,
           ("E", "OE1"): -0.5, ("E", "OE2"): -0.5}  # fmt: skip
COULOMB, PERMITTIVITY = 560.0, 4.0  # kT Å / e² at 298 K; of 4 r, r in Å
SCALE, MOST = 10.0, 3.0  # charges are divided, cut and mapped to -1 to 1
DONORS = {("R", "NE"), ("R", "NH1"), ("R", "NH2"), ("K", "NZ"), ("N", "ND2"), ("Q", "NE2"), ("H", "ND1"), ("H", "NE2"),
          ("W", "NE1"), ("S", "OG"), ("T", "OG1"), ("Y", "OH")}  # fmt: skip
ACCEPTORS = {("D", "OD1"), ("D", "OD2"), ("E", "OE1"), ("E", "OE2"), ("N", "OD1"), ("Q", "OE1")}
BOND = 2.0  # Å, between heavy atoms at most
WIDEST = np.deg2rad(60.0)  # from the direction of a hydrogen bond


def surface_tracks(structure: Structure) -> dict[str, Float32[np.ndarray, "residues"]]:
    """Of each residue of a structure, whose protein atoms alone count; by the names of LORE.

    Returns:
        `masif_n_vertices`, how many points of the surface are within 2.8 Å of it; `masif_si_index` and
        `masif_hydrophobicity`, -1 to 1, means over these; `masif_charge`, sum of potentials, each from -1 to 1, and
        `masif_hbond`, sum of directions to donors less those to acceptors, likewise. NaN where there is no point.
    """
    heavy = structure.is_kind("protein")[structure.residue_of_atom]
    heavy &= ~(is_name(structure.element, "H") | is_name(structure.element, "D"))
    residue = structure.residue_of_atom[heavy].astype(np.int64)
    tracks = {name: np.full(len(structure), np.nan, np.float32) for name in SURFACE}
    if not len(residue):
        return tracks
    names, letters = as_text(structure.atom_name)[heavy], np.array(list(structure.letters))[residue]
    centres = structure.coordinates[heavy].astype(np.float64)
    union = Union(centres, _radii(as_text(structure.element)[heavy]))
    points = _points(union)
    nearest = np.asarray(union.tree.query(points)[1])
    values = (
        np.ones(len(points)),
        shape_index(curvatures(union.at(points))),
        _potential(points, centres, _charges(names, letters, residue, structure)),
        _hydropathy()[[ord(x) for x in letters[nearest]]],
        _bonding(points, nearest, union, _partners(names, letters)),
    )
    owner, point = _near(points, union, residue)
    count = np.bincount(owner, minlength=len(structure))
    for name, value in zip(SURFACE, values, strict=True):
        total = np.bincount(owner, value[point], len(structure))
        mean = name in ("masif_si_index", "masif_hydrophobicity")
        tracks[name][count > 0] = (total / np.maximum(count, 1) if mean else total)[count > 0]
    return tracks


def _radii(elements: np.ndarray) -> Float64[np.ndarray, "atoms"]:
    return np.array([RADII.get(element, OTHER_RADIUS) for element in elements.tolist()])


def _points(union: Union) -> Float64[np.ndarray, "points 3"]:
    """Points of the surface, one in each cube of SPACING that it passes."""
    number = np.arange(DIRECTIONS) + 0.5  # a spiral from pole to pole, turned by the golden angle
    polar, turn = np.arccos(1 - 2 * number / DIRECTIONS), np.pi * (1 + 5**0.5) * number
    sphere = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], 1)
    begun = (union.centres[:, None] + union.radii[:, None, None] * sphere).reshape(-1, 3)
    found = union.surface(begun[union.value(begun) > BURIED])
    _, first = np.unique(np.floor(found / SPACING), axis=0, return_index=True)
    return found[np.sort(first)]


def _near(
    points: Float64[np.ndarray, "points 3"], union: Union, residue: Int64[np.ndarray, "atoms"]
) -> tuple[Int64[np.ndarray, "pairs"], Int64[np.ndarray, "pairs"]]:
    """Residue and point of each pair that is within reach."""
    from scipy.spatial import KDTree

    near = KDTree(points).sparse_distance_matrix(union.tree, REACH, output_type="ndarray")
    pairs = np.unique(np.stack([residue[near["j"]], near["i"]], 1), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _charges(
    names: np.ndarray, letters: np.ndarray, residue: np.ndarray, structure: Structure
) -> Float64[np.ndarray, "atoms"]:
    """Of each atom; the first N and the last O of each chain have one of their own."""
    found = [CHARGES.get(pair, 0.0) for pair in zip(letters.tolist(), names.tolist(), strict=True)]
    charge = np.array(found)
    ends = [(c.start, c.end - 1) for c in structure.chains if c.kind == "protein"]
    charge[(names == "N") & np.isin(residue, [first for first, _ in ends])] = 1.0
    charge[(names == "OXT") & np.isin(residue, [last for _, last in ends])] = -1.0
    return charge


def _potential(
    points: Float64[np.ndarray, "points 3"], centres: Float64[np.ndarray, "atoms 3"], charge: np.ndarray
) -> Float64[np.ndarray, "points"]:
    """From -1 to 1, of the charges about each point."""
    total = np.zeros(len(points))
    for place, q in zip(centres[charge != 0], charge[charge != 0], strict=True):
        total += q * COULOMB / PERMITTIVITY / ((points - place) ** 2).sum(1)
    return np.clip(total / SCALE, -MOST, MOST) / MOST


def _partners(names: np.ndarray, letters: np.ndarray) -> Float64[np.ndarray, "atoms"]:
    """1 for atoms that give a hydrogen, -1 for those that take one, 0 for others."""
    pairs = list(zip(letters.tolist(), names.tolist(), strict=True))
    gives = [pair in DONORS or (pair[1] == "N" and pair[0] != "P") for pair in pairs]
    takes = [pair in ACCEPTORS or pair[1] in ("O", "OXT") for pair in pairs]
    return np.array(gives, float) - np.array(takes, float)


def _bonding(
    points: Float64[np.ndarray, "points 3"], nearest: np.ndarray, union: Union, partner: np.ndarray
) -> Float64[np.ndarray, "points"]:
    """How well each point lies in the direction of a hydrogen bond of its nearest atom: away from what that is bound
    to; 1 straight ahead of a donor, -1 of an acceptor, 0 from 60 degrees on."""
    away = np.zeros((len(union.centres), 3))
    for i in np.flatnonzero(partner).tolist():
        bound = [j for j in union.tree.query_ball_point(union.centres[i], BOND) if j != i]
        away[i] = union.centres[i] - union.centres[bound].mean(0) if bound else 0
    ahead = points - union.centres[nearest]
    size = np.linalg.norm(ahead, axis=1) * np.linalg.norm(away[nearest], axis=1)
    cosine = (ahead * away[nearest]).sum(1) / np.maximum(size, 1e-9)
    angle = np.arccos(np.clip(cosine, -1, 1))
    return np.where(size > 0, partner[nearest] * np.maximum(1 - (angle / WIDEST) ** 2, 0), 0)


@lru_cache
def _hydropathy() -> Float64[np.ndarray, "128"]:
    """By letter, -1 to 1."""
    table = np.zeros(128)
    for letter, value in hydropathy().items():
        table[ord(letter)] = value / STRONGEST
    return table
