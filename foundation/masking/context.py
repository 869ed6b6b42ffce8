"""Context: how much of a track a sample shows: a stretch at a random place, which may grow as training goes on."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from foundation.errors import FoundationError
from foundation.tokens import Tokens


@dataclass(frozen=True)
class Context:
    """A stretch of each track of a sample.

    Args:
        longest: places of a stretch; 0 = all of the track.
        first: places at the beginning of a training that goes from short to long; 0 = `longest` from the beginning.
        samples: of training, after which a stretch has `longest` places; it grows evenly.

    Raises:
        FoundationError: a negative number, or a stretch that would shrink.
    """

    longest: int = 0
    first: int = 0
    samples: int = 0

    def __post_init__(self) -> None:
        if min(self.longest, self.first, self.samples) < 0 or self.first > self.longest:
            raise FoundationError(
                f"Context: {self.longest} places, {self.first} at first, over {self.samples} samples. "
                "Give numbers from 0 on, the places at first not above those in the end."
            )
        if bool(self.first) != bool(self.samples):
            raise FoundationError(
                f"Context: {self.first} places at first, over {self.samples} samples. Give both, or neither."
            )

    def after(self, samples: float) -> "Context":
        """The stretch after so many samples of training."""
        if not self.first:
            return self
        share = min(samples / self.samples, 1.0)
        return replace(self, longest=round(self.first + share * (self.longest - self.first)), first=0, samples=0)

    def inside(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "n"]:
        """Indices of the tokens in a stretch of each track, drawn evenly; tracks that are shorter stay whole."""
        everything = torch.arange(len(tokens))
        if not self.longest:
            return everything
        place, taken = tokens.position[:, 0], torch.ones(len(tokens), dtype=torch.bool)
        for track in tokens.track.unique().tolist():
            own = tokens.track == track
            low, high = float(place[own].min()), float(place[own].max())
            room = int(high - low) + 1 - self.longest
            if room > 0:
                start = low + int(torch.randint(room + 1, (), generator=generator))
                taken &= ~own | ((place >= start) & (place < start + self.longest))
        return everything[taken]
