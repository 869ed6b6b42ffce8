"""Fold: a backbone of helices, strands and loops that is as compact as a few tries at each loop make it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from foundation.data.biology.frames import ANGLE, CARBON, NITROGEN

PEPTIDE = 1.329  # Å, C to N; this and the angles from Engh and Huber 1991
AT_CARBON, AT_NITROGEN = np.deg2rad(117.2), np.deg2rad(121.7)  # of CA-C-N and C-N-CA
OXYGEN, AT_OXYGEN = 1.229, np.deg2rad(120.4)  # of C=O and CA-C=O
BETA, AT_BETA, BETA_TURN = 1.53, np.deg2rad(110.4), np.deg2rad(122.6)  # of CA-CB, from C and N
HELIX, STRAND, LOOP = "HEL"
SPANS = {HELIX: (8, 19), STRAND: (4, 9), LOOP: (3, 8)}  # residues
DIHEDRALS = {HELIX: ((-63.0, -42.0),), STRAND: ((-118.0, 132.0),)}  # phi and psi, degrees
TURNS = ((-65.0, -35.0), (-75.0, 145.0), (-110.0, 125.0), (60.0, 38.0))  # of loops
CHANCE = (0.35, 0.3, 0.25, 0.1)
SPREAD = {HELIX: 5.0, STRAND: 10.0, LOOP: 12.0}  # degrees
TRIES = 32  # loops, of which the best is kept
TOUCH, CLASH, SHELL = 3.8, 20.0, 10.0  # Å; how much worse a clash is than a contact is good; Å
APART = 3  # residues, from which on two may clash or touch


class Fold(NamedTuple):
    """n residues.

    atoms: Å, of N, CA, C, O and CB, which glycine has not.
    state: H, E or L of each, as it was built.
    left: whether each is in the left-handed part of Ramachandran's plot, where glycine is at ease.
    """

    atoms: Float64[np.ndarray, "n 5 3"]
    state: str
    left: np.ndarray

    @property
    def crowd(self) -> Float64[np.ndarray, "n"]:
        """How many CB lie within 10 Å of each."""
        apart = np.linalg.norm(self.atoms[:, None, 4] - self.atoms[:, 4], axis=-1)
        return (apart < SHELL).sum(1) - 1.0


def draw_fold(length: int, rng: np.random.Generator) -> Fold:
    """A backbone of so many residues."""
    state, dihedrals = "", np.zeros((0, 2))
    chain = _start()
    for kind, span in _plan(length, rng):
        tries = TRIES if kind == LOOP else 1
        options = np.stack([_dihedrals(kind, span, rng) for _ in range(tries)])  # [T, span, 2]
        ahead = np.stack([_dihedrals(HELIX, 6, rng)] * tries)  # where the chain would go from here
        psi = dihedrals[-1, 1] if len(dihedrals) else 0.0
        longer = _grown(chain[-1], psi, np.concatenate([options, ahead], 1))
        best = int(np.argmin([_cost(chain[1:], each) for each in longer]))
        chain = np.concatenate([chain, longer[best, :span]])
        dihedrals = np.concatenate([dihedrals, options[best]])
        state += kind * span
    backbone = chain[1:]
    return Fold(_with_sides(backbone, dihedrals[:, 1]), state, dihedrals[:, 0] > 0)


def _plan(length: int, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Kinds and lengths of segments: a loop before each helix or strand, and one at the end."""
    plan, left = [], length
    helical = rng.choice([0.15, 0.5, 0.9])
    while left > 0:
        regular = plan and plan[-1][0] == LOOP
        kind = (HELIX if rng.random() < helical else STRAND) if regular else LOOP
        span = min(int(rng.integers(*SPANS[kind])), left)
        plan.append((kind, span))
        left -= span
    return plan


def _dihedrals(kind: str, span: int, rng: np.random.Generator) -> Float64[np.ndarray, "n 2"]:
    """phi and psi, in radians."""
    means = np.array(DIHEDRALS.get(kind, TURNS))
    chosen = rng.choice(len(means), span, p=CHANCE if kind == LOOP else None)
    return np.deg2rad(means[chosen] + rng.normal(0, SPREAD[kind], (span, 2)))


def _start() -> Float64[np.ndarray, "1 3 3"]:
    """A residue before the first, so that the first is placed as all others."""
    nitrogen = NITROGEN * np.array([np.cos(ANGLE), np.sin(ANGLE), 0])
    return np.array([[nitrogen, np.zeros(3), [CARBON, 0, 0]]])


def _grown(
    last: Float64[np.ndarray, "3 3"], psi: float, dihedrals: Float64[np.ndarray, "t n 2"]
) -> Float64[np.ndarray, "t n 3 3"]:
    """N, CA and C of the next residues, one version for each set of dihedrals."""
    tries, count = dihedrals.shape[:2]
    a, b, c = (np.broadcast_to(atom, (tries, 3)) for atom in last)
    found, turn = np.zeros((tries, count, 3, 3)), np.full(tries, psi)
    for i in range(count):
        n = placed(a, b, c, PEPTIDE, AT_CARBON, turn)
        alpha = placed(b, c, n, NITROGEN, AT_NITROGEN, np.full(tries, np.pi))
        carbon = placed(c, n, alpha, CARBON, ANGLE, dihedrals[:, i, 0])
        found[:, i] = np.stack([n, alpha, carbon], 1)
        a, b, c, turn = n, alpha, carbon, dihedrals[:, i, 1]
    return found


def placed(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, bond: float, angle: float, dihedral: np.ndarray
) -> Float64[np.ndarray, "t 3"]:
    """The atom at this distance from c, this angle from b, turned so far out of the plane of a, b and c."""
    along = _unit(c - b)
    normal = _unit(np.cross(b - a, along))
    x, y = -bond * np.cos(angle), bond * np.sin(angle)
    side = np.cross(normal, along)
    return c + x * along + y * (np.cos(dihedral)[:, None] * side + np.sin(dihedral)[:, None] * normal)


def _cost(chain: np.ndarray, longer: np.ndarray) -> float:
    """Clashes of CA, less contacts within a shell."""
    whole = np.concatenate([chain, longer])[:, 1]
    first = len(chain)
    apart = np.linalg.norm(whole[first:, None] - whole, axis=-1)
    beyond = np.arange(len(whole)) <= np.arange(first, len(whole))[:, None] - APART
    near = apart[beyond]
    return CLASH * float((near < TOUCH).sum()) - float((near < SHELL).sum())


def _with_sides(backbone: Float64[np.ndarray, "n 3 3"], psi: np.ndarray) -> Float64[np.ndarray, "n 5 3"]:
    nitrogen, alpha, carbon = np.moveaxis(backbone, 1, 0)
    oxygen = placed(nitrogen, alpha, carbon, OXYGEN, AT_OXYGEN, psi + np.pi)
    beta = placed(carbon, nitrogen, alpha, BETA, AT_BETA, np.full(len(psi), -BETA_TURN))
    return np.stack([nitrogen, alpha, carbon, oxygen, beta], 1)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)
