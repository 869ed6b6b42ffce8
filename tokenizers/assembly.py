"""Assembly: one chain from what is told of the surroundings of each of its residues, in frames of their own."""

import numpy as np
from jaxtyping import Float32, Float64, Int64

from foundation.data.biology.frames import backbone_frames, backbone_of
from foundation.tokenizers.neighbourhood import rows_beside

ROUNDS = 30  # in which all stretches are laid on their mean again
GAP = 3.8  # Å a place, between stretches that nothing connects


def assembled(
    around: Float64[np.ndarray, "m w atoms xyz"], place: Int64[np.ndarray, "m"]
) -> Float32[np.ndarray, "m atoms xyz"]:
    """N, CA and C in Å of each residue, with ideal bonds inside residues.

    Each stretch is laid on those before it, then all are laid on their mean, a number of times. Stretches on either
    side of a gap that no stretch spans lie anywhere.

    Args:
        around: of each residue the atoms at the places before and after, in its own frame.
        place: of each residue, ascending.
    """
    half = around.shape[1] // 2
    beside = rows_beside(place, half)
    weight = (beside >= 0) / (1.0 + np.abs(np.arange(-half, half + 1)))  # what is near is told best
    chain = _one_after_another(around, beside, weight, place)
    for _ in range(ROUNDS):
        chain = _mean(laid_on(around, chain[beside], weight), beside, weight)
    return backbone_of(*backbone_frames(chain))


def laid_on(
    stretches: Float64[np.ndarray, "n w atoms xyz"],
    targets: Float64[np.ndarray, "n w atoms xyz"],
    weight: Float64[np.ndarray, "n w"],
) -> Float64[np.ndarray, "n w atoms xyz"]:
    """Each stretch turned and shifted to lie as near its target as it can (Kabsch, doi:10.1107/S0567739476001873)."""
    n = len(stretches)
    w = np.repeat(weight, stretches.shape[2], 1)[..., None]  # [n, points, 1]
    own, other = (x.reshape(n, -1, 3) for x in (stretches, targets))
    centre, goal = ((w * x).sum(1, keepdims=True) / w.sum(1, keepdims=True) for x in (own, other))
    u, _, vt = np.linalg.svd(np.swapaxes(w * (own - centre), 1, 2) @ (other - goal))
    u[:, :, -1] *= np.sign(np.linalg.det(u @ vt))[:, None]  # no mirror
    return ((own - centre) @ (u @ vt) + goal).reshape(stretches.shape)


def _one_after_another(around: np.ndarray, beside: np.ndarray, weight: np.ndarray, place: np.ndarray) -> np.ndarray:
    """A first chain: each stretch laid on what those before it say."""
    total, sum_of = np.zeros(len(place)), np.zeros((len(place), *around.shape[2:]))
    for i in range(len(place)):
        there = beside[i] >= 0
        rows = beside[i][there]
        shared = np.where(there & (total[beside[i]] > 0), weight[i], 0.0)
        known = sum_of[beside[i]] / np.maximum(total[beside[i]], 1e-9)[:, None, None]
        if (shared > 0).sum() > 1:
            own = laid_on(around[i : i + 1], known[None], shared[None])[0]
        else:
            own = around[i] + np.array([GAP * place[i], 0, 0])
        total[rows] += weight[i][there]
        sum_of[rows] += weight[i][there][:, None, None] * own[there]
    return sum_of / total[:, None, None]


def _mean(laid: np.ndarray, beside: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """What all stretches say of each residue."""
    total, sum_of = np.zeros(len(laid)), np.zeros((len(laid), *laid.shape[2:]))
    there = beside >= 0
    np.add.at(total, beside[there], weight[there])
    np.add.at(sum_of, beside[there], weight[there][:, None, None] * laid[there])
    return sum_of / total[:, None, None]
