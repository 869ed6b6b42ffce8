"""What queries and keys go through before attention: normalisation over the head and rotation by positions."""

from foundation.kernels.prologue.norm import HeadNorm
from foundation.kernels.prologue.prologue import norm_and_turn, qk_prologue
from foundation.kernels.prologue.reference import reference_prologue, rotate

__all__ = ["HeadNorm", "norm_and_turn", "qk_prologue", "reference_prologue", "rotate"]
