"""Backbone frames: an orientation and an origin for each residue from its N, CA and C atoms (as in AlphaFold 2)."""

import numpy as np
from jaxtyping import Float, Float32

from foundation.errors import FoundationError

AMINO_ACIDS = "ARNDCQEGHILKMFPSTWYV"
"""The 20 standard residues in alphabetical order of their three-letter names, ALA to VAL.

The order of RNA-BAnG's residue table is not published; this one is that of most structure models.
"""
SCALE = 0.1  # of translations: 1 Å becomes 0.1
NITROGEN, CARBON = 1.458, 1.525  # Å from CA, mean bond lengths of proteins (Engh and Huber 1991)
ANGLE = np.deg2rad(111.0)  # of N-CA-C, from the same source
DEGENERATE = 1e-3  # Å; shorter bonds, or N nearer to the line CA-C, have no direction


def backbone_frames(
    backbone: Float[np.ndarray, "residues 3 3"],
) -> tuple[Float32[np.ndarray, "residues 3 3"], Float32[np.ndarray, "residues 3"]]:
    """The frame of each residue: origin CA, x axis towards C, N in the xy plane at positive y.

    Rotations and differences of translations follow any rotation of the input; a shift of it changes nothing.

    Args:
        backbone: positions in Å of N, CA and C, in this order.

    Returns:
        rotation: columns are the axes x, y, z in the input's coordinates.
        translation: CA relative to the mean CA, in units of 10 Å.

    Raises:
        FoundationError: no residue, an atom that is not there (NaN), or three atoms on a line.
    """
    if not len(backbone):
        raise FoundationError("Got a backbone of no residues, wanted at least one. Choose another chain.")
    if not np.isfinite(backbone).all():
        absent = int((~np.isfinite(backbone).all((1, 2))).sum())
        raise FoundationError(
            f"{absent} of {len(backbone)} residues lack N, CA or C. Keep those with `backbone[complete]`."
        )
    nitrogen, alpha, carbon = np.moveaxis(backbone.astype(np.float64), 1, 0)  # [R, 3] each
    x = _unit(carbon - alpha)
    toward = nitrogen - alpha
    y = _unit(toward - (toward * x).sum(-1, keepdims=True) * x)
    rotation = np.stack([x, y, np.cross(x, y)], axis=-1)  # [R, 3, axis]
    return rotation.astype(np.float32), ((alpha - alpha.mean(0)) * SCALE).astype(np.float32)


def backbone_of(
    rotation: Float[np.ndarray, "residues 3 3"], translation: Float[np.ndarray, "residues 3"]
) -> Float32[np.ndarray, "residues 3 3"]:
    """Positions of N, CA and C in Å whose frames these are.

    CA is exact, up to the common shift that frames do not hold; so are the direction of C and the plane of N. Frames
    hold no bond lengths and no N-CA-C angle: those are the ideal ones.
    """
    ideal = np.array(
        [[NITROGEN * np.cos(ANGLE), NITROGEN * np.sin(ANGLE), 0], [0, 0, 0], [CARBON, 0, 0]], np.float64
    )  # [atom, 3] in the residue's own frame
    placed = np.einsum("rij,aj->rai", rotation.astype(np.float64), ideal)
    return (placed + translation.astype(np.float64)[:, None] / SCALE).astype(np.float32)


def _unit(vector: Float[np.ndarray, "residues 3"]) -> Float[np.ndarray, "residues 3"]:
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    if (length < DEGENERATE).any():
        residue = int(np.argmin(length))
        raise FoundationError(
            f"N, CA and C of residue {residue} (counted from 0) are on a line or coincide. Leave this residue out."
        )
    return vector / length
