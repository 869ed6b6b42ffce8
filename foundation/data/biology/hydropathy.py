"""Hydropathy of residues: Kyte and Doolittle 1982 (doi:10.1016/0022-2836(82)90515-0), as biopython keeps it."""

from collections.abc import Mapping

STRONGEST = 4.5  # of the scale, either way


def hydropathy() -> Mapping[str, float]:
    """By letter, -4.5 (water) to 4.5 (oil)."""
    from Bio.SeqUtils.ProtParamData import kd

    return kd
