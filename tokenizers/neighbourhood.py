"""Neighbourhoods: what surrounds each residue of a protein chain, as seen from its own backbone frame.

None of it changes when the molecule is turned or shifted. Which residues have which side chains is not looked at.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from foundation.data.biology.frames import backbone_frames
from foundation.data.biology.residues import molecule_places
from foundation.data.biology.structure import Chain, Structure

SCALE = 10.0  # Å; distances to neighbours are given in units of this
RELATIVE = 12  # numbers of a neighbour: where it is, and how its axes lie
ATOMS = 3  # N, CA, C
FAR = 32  # places along the chain; neighbours further away than that are alike
ABSENT = 2 * FAR + 1  # step of a neighbour that is not there, in chains with few residues
SHELL, EDGE = 10.0, 1.0  # Å: residues within the shell are crowding; its edge is soft
CROWD = 4  # numbers that tell how crowded it is, and on which side
MANY = 8.0  # neighbours in a shell count as 1
LEAST = 0.1  # Å; atoms nearer to each other, or to the line through the others, have no direction


class Neighbourhoods(NamedTuple):
    """m residues with a whole backbone, of n places.

    place: of each residue in the whole molecule, from 0.
    relative: position in units of 10 Å and axes of the nearest residues, the residue itself first.
    step: how far along the chain each of these is, FAR added; ABSENT where there is none.
    target: N, CA and C in Å of the places before and after, then how crowded it is: 8 residues count as 1, and
        in units of 10 Å where they are on average.
    weight: 1 where `target` is known.
    """

    length: int
    place: Int64[np.ndarray, "m"]
    relative: Float32[np.ndarray, "m k 12"]
    step: Int64[np.ndarray, "m k"]
    target: Float32[np.ndarray, "m t"]
    weight: Float32[np.ndarray, "m t"]


def neighbourhoods(structure: Structure, chain: Chain, nearest: int, window: int) -> Neighbourhoods:
    """Of the residues of a chain that have N, CA and C.

    Args:
        nearest: residues around each, by the distance of CA, itself among them.
        window: places before and after each whose atoms are targets.
    """
    inside = slice(chain.start, chain.end)
    backbone, complete = structure.backbone
    kept = np.flatnonzero(complete[inside] & _rigid(backbone[inside]))
    places, length = molecule_places(structure, chain)
    place, atoms = places[kept], backbone[inside][kept].astype(np.float64)
    if not len(kept):
        sizes = (nearest, RELATIVE), (nearest,), (width(window),), (width(window),)
        relative, step, target, weight = (np.zeros((0, *size)) for size in sizes)
        return _typed(length, place, relative, step, target, weight)
    axes = backbone_frames(atoms)[0].astype(np.float64)
    alpha = atoms[:, 1]
    apart = np.linalg.norm(alpha[:, None] - alpha, axis=-1)
    relative, step = _nearest(place, axes, alpha, apart, nearest)
    around, known = _around(place, axes, atoms, window)
    target = np.concatenate([around, _crowd(axes, alpha, apart)], 1)
    return _typed(length, place, relative, step, target, np.pad(known, ((0, 0), (0, CROWD)), constant_values=1))


def rows_beside(place: Int64[np.ndarray, "m"], window: int) -> Int64[np.ndarray, "m w"]:
    """Which of the residues is at each of the `window` places before and after each, and its own; -1 where none is.

    Args:
        place: of each residue, ascending.
    """
    row = np.full(place[-1] + 2 * window + 1, -1)
    row[place + window] = np.arange(len(place))
    return row[place[:, None] + np.arange(2 * window + 1)]


def width(window: int) -> int:
    """Numbers of a target."""
    return (2 * window + 1) * ATOMS * 3 + CROWD


def _typed(
    length: int, place: np.ndarray, relative: np.ndarray, step: np.ndarray, *targets: np.ndarray
) -> Neighbourhoods:
    numbers = (x.astype(np.float32) for x in targets)
    return Neighbourhoods(length, place.astype(np.int64), relative.astype(np.float32), step.astype(np.int64), *numbers)


def _rigid(backbone: np.ndarray) -> Bool[np.ndarray, "n"]:
    """Whether N, CA and C span a plane."""
    nitrogen, alpha, carbon = np.moveaxis(np.nan_to_num(backbone.astype(np.float64)), 1, 0)
    x, toward = carbon - alpha, nitrogen - alpha
    base = np.linalg.norm(x, axis=-1)
    return (base > LEAST) & (np.linalg.norm(np.cross(x, toward), axis=-1) > LEAST * np.maximum(base, LEAST))


def _nearest(
    place: Int64[np.ndarray, "m"], axes: np.ndarray, alpha: np.ndarray, apart: np.ndarray, nearest: int
) -> tuple[Float64[np.ndarray, "m k 12"], Int64[np.ndarray, "m k"]]:
    m, there = len(place), min(nearest, len(place))
    order = np.argsort(apart - SCALE * np.eye(m), 1, kind="stable")[:, :there]  # itself before all, even coinciding
    offset = np.einsum("mkx,mxa->mka", alpha[order] - alpha[:, None], axes) / SCALE
    turned = np.einsum("mxa,mkxb->mkab", axes, axes[order]).reshape(m, there, 9)
    relative = np.zeros((m, nearest, RELATIVE))
    relative[:, :there] = np.concatenate([offset, turned], -1)
    step = np.full((m, nearest), ABSENT)
    step[:, :there] = np.clip(place[order] - place[:, None], -FAR, FAR) + FAR
    return relative, step


def _around(
    place: Int64[np.ndarray, "m"], axes: np.ndarray, atoms: np.ndarray, window: int
) -> tuple[Float64[np.ndarray, "m t"], Bool[np.ndarray, "m t"]]:
    """Atoms of the places before and after, in the frame of each residue, and which are known."""
    beside = rows_beside(place, window)
    known = beside >= 0
    shifted = atoms[beside] - atoms[:, None, None, 1]  # [m, 2w + 1, atom, 3]
    own = np.einsum("mwax,mxb->mwab", shifted, axes) * known[..., None, None]
    return own.reshape(len(place), -1), np.repeat(known, ATOMS * 3, 1)


def _crowd(axes: np.ndarray, alpha: np.ndarray, apart: np.ndarray) -> Float64[np.ndarray, "m 4"]:
    share = 1 / (1 + np.exp(np.clip((apart - SHELL) / EDGE, -30, 30)))
    np.fill_diagonal(share, 0)
    count = share.sum(1, keepdims=True)
    mean = (share @ alpha - count * alpha) / np.maximum(count, 1)
    return np.concatenate([count / MANY, np.einsum("mx,mxa->ma", mean, axes) / SCALE], 1)
