"""What a model of spectra is asked: to fill spans of wavelength, to remove noise, or to put out what it read.

An objective is a frozen dataclass, pure in (patches, generator): it says what is read of a spectrum, what is asked and
how much each asked patch counts.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from foundation.errors import FoundationError
from foundation.tokenizers.native import Patches


@dataclass(frozen=True, eq=False)
class Question:
    """What is read, what is asked, and the weight of each asked patch."""

    read: Patches
    asked: Patches
    weight: Float[Tensor, "P"]


class SpectralObjective(ABC):
    """Makes a question of a spectrum."""

    @abstractmethod
    def __call__(self, patches: Patches, generator: Generator) -> Question:
        """The same patches and generator state give the same question."""


def another(read: Patches, asked: Patches) -> Question | None:
    """What another instrument saw of the same object, in the scale of what is read; both must have one unit.

    Only wavelengths between those read are asked, for what lies beyond is a guess whose error would rule the loss; None
    if there are none.
    """
    places = asked.wavelength.mean(1)
    within = asked.select((places > read.wavelength.min()) & (places < read.wavelength.max()))
    if not len(within):
        return None
    ratio = asked.scale / read.scale
    scaled = replace(within, value=within.value * ratio, sigma=within.sigma * ratio, scale=read.scale)
    return Question(read, scaled, torch.ones(len(within)))


@dataclass(frozen=True)
class Autoencode(SpectralObjective):
    """Put out what was read, as published: a perfect answer copies the noise."""

    def __call__(self, patches: Patches, generator: Generator) -> Question:
        """All patches, both ways."""
        return Question(patches, patches, torch.ones(len(patches)))


@dataclass(frozen=True)
class FillSpans(SpectralObjective):
    """Hide spans of wavelength, and ask for everything.

    Args:
        fraction: of the patches hidden, at least one and not all.
        span: length of a span in ln(wavelength), if the spectrum is long enough; 0.03 is 9000 km/s.
        seen: weight of the patches that were read; those hidden have 1.
        longest: patches of a span at most; without it a span is a whole camera of GALAH, which nobody can fill.
        split: as in `Denoise`, which comes first, so that what was read need not be copied with its noise; 0 = none.

    Raises:
        FoundationError: values that hide nothing or everything.
    """

    fraction: float = 0.4
    span: float = 0.03
    seen: float = 0.1
    split: float = 0.0
    longest: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1 or self.span <= 0 or min(self.seen, self.split) < 0 or self.longest < 1:
            raise FoundationError(
                f"spans of {self.span} that hide {self.fraction}, weight {self.seen} of the rest, noise split by "
                f"{self.split}. Give a fraction between 0 and 1, a span above 0 of 1 patch or more, and 0 or more "
                "for the others."
            )

    def __call__(self, patches: Patches, generator: Generator) -> Question:
        """The patches outside the spans are read."""
        whole = Denoise(self.split)(patches, generator) if self.split else Autoencode()(patches, generator)
        if len(patches) < 2:
            return whole
        hidden = self.hidden(patches, generator)
        return Question(whole.read.select(~hidden), whole.asked, torch.where(hidden, 1.0, self.seen))

    def hidden(self, patches: Patches, generator: Generator) -> Bool[Tensor, "P"]:
        """Spans around patches drawn one after the other, the last cut short, until enough are hidden."""
        place = patches.wavelength.log().mean(1)
        wanted = min(max(round(self.fraction * len(patches)), 1), len(patches) - 1)
        hidden = torch.zeros(len(patches), dtype=torch.bool)
        for centre in torch.randperm(len(patches), generator=generator).tolist():
            distance = (place - place[centre]).abs()
            near = torch.argsort(distance, stable=True)
            near = near[(distance[near] <= self.span / 2) & ~hidden[near]]
            hidden[near[: min(wanted - int(hidden.sum()), self.longest)]] = True
            if int(hidden.sum()) == wanted:
                break
        return hidden


@dataclass(frozen=True)
class Denoise(SpectralObjective):
    """Split the noise of one spectrum in two independent parts: one is read, the other asked.

    With y = f + n and a drawn e of the same variance as n, y + a e and y - e / a have independent noise, for the
    covariance of n + a e and n - e / a is 0. So chi-squared of a perfect answer is 1, and copying does not help.

    Args:
        split: a; 1 gives both twice the variance, less leaves what is read nearly as it was.

    Raises:
        FoundationError: a split that is not positive.
    """

    split: float = 1.0

    def __post_init__(self) -> None:
        if self.split <= 0:
            raise FoundationError(f"noise split by {self.split}. Give a number above 0.")

    def __call__(self, patches: Patches, generator: Generator) -> Question:
        """Two spectra of the same object, each with the noise it has."""
        drawn = torch.randn(patches.value.shape, generator=generator) * patches.sigma
        a = self.split
        read = replace(patches, value=patches.value + a * drawn, sigma=patches.sigma * (1 + a * a) ** 0.5)
        asked = replace(patches, value=patches.value - drawn / a, sigma=patches.sigma * (1 + a**-2) ** 0.5)
        return Question(read, asked, torch.ones(len(patches)))
