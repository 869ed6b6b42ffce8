"""What a run over spectra trains on, and what it is asked: options of the command."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foundation.errors import FoundationError
from foundation.model.spectra.loss import FLOOR
from foundation.training.spectra.objective import Autoencode, Denoise, FillSpans, SpectralObjective


@dataclass(frozen=True)
class SpectraDataConfig:
    """Where the spectra are, and how they become batches.

    Args:
        train: directory of record shards, as `foundation ingest` and `foundation simulate` write them.
        validation: directory of record shards, or None.
        modalities: names of the spectra to train on; empty = all spectra of a sample.
        patches_per_batch: budget of one rank's micro-batch.
        members: of the shards, from which the spectra of a micro-batch are drawn, so that it holds several surveys.
        pairs: probability that, of an object with several spectra in one unit, another than the one read is asked.
        workers: loader processes of each rank; what is drawn does not depend on it.

    Raises:
        FoundationError: a budget or number of members that is not positive.
    """

    train: Path
    validation: Path | None = None
    modalities: tuple[str, ...] = ()
    patches_per_batch: int = 8192
    members: int = 4
    pairs: float = 0.0
    workers: int = 2

    def __post_init__(self) -> None:
        if self.patches_per_batch < 1 or self.members < 1 or not 0 <= self.pairs <= 1:
            raise FoundationError(
                f"{self.patches_per_batch} patches a batch, of {self.members} members, {self.pairs} of them pairs. "
                "Give 1 or more patches and members, and pairs from 0 to 1."
            )


@dataclass(frozen=True)
class SpectraObjective:
    """What is asked of a spectrum.

    Args:
        kind: "spans" hides spans of wavelength, "denoise" asks for an independent realisation of the noise,
            "autoencode" for what was read, as published.
        fraction: of "spans", the share hidden.
        span: of "spans", their length in ln(wavelength).
        seen: of "spans", the weight of what is not hidden.
        longest: of "spans", patches of one at most.
        split: of "denoise", how much noise is added to what is read; of "spans" too if positive.
        floor: error added to the noise, as a fraction of the flux.
        tail: errors beyond this many sigmas do not count by their square.
        per: what counts alike: "pixel", as published, so that a survey with many and bright ones rules the rest, or
            "spectrum", by the logarithm of its chi-squared.
        align: weight of `misalignment`, by which what is read and what is asked have like embeddings; 0 = none.

    Raises:
        FoundationError: a negative weight.
    """

    kind: Literal["spans", "denoise", "autoencode"] = "spans"
    fraction: float = 0.4
    span: float = 0.03
    seen: float = 0.1
    longest: int = 8
    split: float = 1.0
    floor: float = FLOOR
    tail: float = 5.0
    per: Literal["pixel", "spectrum"] = "pixel"
    align: float = 0.0

    def __post_init__(self) -> None:
        if self.align < 0:
            raise FoundationError(f"alignment weighs {self.align}. Give 0 or more.")

    @property
    def policy(self) -> SpectralObjective:
        """The objective."""
        if self.kind == "spans":
            return FillSpans(self.fraction, self.span, self.seen, self.split, self.longest)
        return Denoise(self.split) if self.kind == "denoise" else Autoencode()
