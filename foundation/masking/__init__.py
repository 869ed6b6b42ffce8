"""Masking policies: what is given, what is asked, in which order.

All are imported here, because a config names a policy by its class alone, which must be known by then.
"""

from foundation.masking.anchored import AnchoredOutward, AnyOrder, LeftToRight
from foundation.masking.budget import LeadingSpace, RandomBudget
from foundation.masking.context import Context
from foundation.masking.fixed import AllGiven, Completion
from foundation.masking.future import Future
from foundation.masking.policy import MaskingPolicy, Mixture
from foundation.masking.stepwise import Stepwise
from foundation.masking.tracks import Pathway, SplitTrack

__all__ = [
    "AllGiven",
    "AnchoredOutward",
    "AnyOrder",
    "Completion",
    "Context",
    "Future",
    "LeadingSpace",
    "LeftToRight",
    "MaskingPolicy",
    "Mixture",
    "Pathway",
    "RandomBudget",
    "SplitTrack",
    "Stepwise",
]
