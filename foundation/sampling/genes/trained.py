"""Trained models of tracks, as the questions about genes need them."""

from foundation.errors import FoundationError
from foundation.masking import MaskingPolicy, SplitTrack
from foundation.model.pretrained import FoundationModel
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.marginals import Stretches

MARGIN = 5  # stretches overlap by a fifth at either end, if nothing else is asked


def tracks_model(name: str, device: str = "cpu") -> TrackModel:
    """A stored model of tracks that has its tokenizers.

    Raises:
        FoundationError: another model, or one without them.
    """
    found = FoundationModel.of_tokens(name, device=device)
    if not isinstance(found, TrackModel) or found.tokenizers is None:
        raise FoundationError(
            f"{name} holds a {type(found).__name__} {'' if found.tokenizers else 'without tokenizers'}. Give what "
            "`foundation train` wrote for the system tracks with `--tokenizers`."
        )
    return found


def stretches_of(policy: MaskingPolicy) -> Stretches:
    """Stretches as long as those of training, which overlap."""
    length = policy.context.longest if isinstance(policy, SplitTrack) else 0
    return Stretches(length, length // MARGIN)
