"""The `bench surveys` verb: one model of all surveys against a model of each, which see its spectra equally often."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from foundation.config import OptimConfig
from foundation.data.records import Spectrum
from foundation.data.shards import write_records
from foundation.data.simulate.command import simulated
from foundation.data.simulate.sky import SkySurvey
from foundation.errors import FoundationError
from foundation.evaluation.spectra.observed import read_observed
from foundation.evaluation.spectra.unseen import ASKED, unseen_chi2
from foundation.files import whole_file
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.pretrained import SpectralModel
from foundation.seeded import seeded
from foundation.tokenizers.native import NativeConfig, patches_of
from foundation.training.spectra.config import SpectraDataConfig, SpectraObjective
from foundation.training.spectra.train import train
from foundation.training.trainer import TrainerConfig

STEADY = SpectraObjective(tail=3, per="spectrum")  # per pixel, surveys of bright stars rule the gradient of all
SMALL = SpectraConfig(patch=64, width=128, depth=3, decoder_depth=2, heads=4, terms=0)
ALL = "all"  # name of the model of all surveys
FIRST = {"learned": 10_000, "tested": 0}  # numbers of the first objects: no object is in both
Found = dict[str, dict[str, list[float]]]  # question -> who -> a figure for each seed


@dataclass(frozen=True)
class Contest:
    """What every model gets.

    Args:
        surveys: modalities of `foundation simulate sky`.
        objects: learned from.
        tested: other objects, whose spectra are asked about.
        stars: share of stars, which GALAH and APOGEE observe alone.
        passes: how often each training sees a spectrum.
        patches: of a step.
        seeds: trainings of each kind, with other weights and draws.

    Raises:
        FoundationError: fewer than two surveys, or numbers that are not positive.
    """

    surveys: tuple[str, ...] = ("spectrum_sdss", "spectrum_desi", "spectrum_galah", "spectrum_apogee")
    objects: int = 320
    tested: int = 100
    stars: float = 0.4
    passes: float = 4.0
    patches: int = 768
    seeds: int = 3

    def __post_init__(self) -> None:
        numbers = (self.objects, self.tested, self.passes, self.patches, self.seeds)
        if len(set(self.surveys)) < 2 or min(numbers) <= 0 or not 0 < self.stars < 1:
            raise FoundationError(
                f"surveys {', '.join(self.surveys)}, {self.objects} and {self.tested} objects with {self.stars} stars, "
                f"{self.passes} passes in steps of {self.patches} patches, {self.seeds} seeds. "
                "Give two surveys, a share of stars between 0 and 1, and more than 0 of the rest."
            )

    @property
    def sky(self) -> SkySurvey:
        """The objects, seen by all surveys that observe such ones."""
        galaxies, quasars = 0.75 * (1 - self.stars), 0.25 * (1 - self.stars)
        return SkySurvey(0, galaxies, quasars, self.stars, self.surveys, image_size=0, missing_spectrum=0)

    def shares(self, name: str) -> tuple[str, ...]:
        """The surveys that a model learns from."""
        return self.surveys if name == ALL else (name,)


def surveys(
    *,
    out: Path,
    contest: Contest = Contest(),
    model: SpectraConfig = SMALL,
    objective: SpectraObjective = STEADY,
    optim: OptimConfig = OptimConfig(kind="muon", peak_rate=2e-3),  # noqa: B008 - frozen
) -> None:
    """Train one model on all surveys and one on each alone, and compare what they make of other objects.

    All see each spectrum equally often, so the model of all takes as many steps as the others together. Asked are spans
    that were hidden, and an independent realisation of the noise; figures are medians over spectra of chi-squared per
    pixel with an error floor of 1 % of the flux. Writes results.json; a stopped run goes on.

    Example:
        foundation bench surveys --out runs/surveys --contest.seeds 2

    Args:
        out: directory of the simulated objects, the runs and the results.
        contest: what every model gets.
        model: sizes and parts of the network.
        objective: what is asked in training.
        optim: optimiser and schedule.

    Raises:
        FoundationError: numbers out of range, or `out` holds trainings with other options.
    """
    cut = NativeConfig(patch=model.patch)
    learned, tested = (_spectra(contest, out, part, cut) for part in FIRST)
    patches = {name: sum(len(patches_of(s, cut)) for s in some) for name, some in learned.items()}
    found: Found = {}
    for seed in range(contest.seeds):
        for name in (ALL, *contest.surveys):
            steps = max(1, round(contest.passes * sum(patches[s] for s in contest.shares(name)) / contest.patches))
            trained = _trained(contest, out / f"{name}-{seed}", name, steps, model, objective, optim, seed)
            _note(found, name, {survey: tested[survey] for survey in contest.shares(name)}, trained)
    with seeded(0):
        _note(found, "untrained", tested, SpectralModel(model, cut).eval())
    with whole_file(out / "results.json") as temporary:
        content = {"contest": asdict(contest), "patches": patches, "chi2": found}
        temporary.write_text(json.dumps(content, indent=1) + "\n")
    _print(found)


def _spectra(contest: Contest, out: Path, part: str, cut: NativeConfig) -> dict[str, Sequence[Spectrum]]:
    """Simulate the objects, and read their spectra back."""
    outliers = SkySurvey.outliers if part == "learned" else 0.0  # without them the truth has a chi-squared of 1
    sky, count = replace(contest.sky, outliers=outliers), contest.objects if part == "learned" else contest.tested
    write_records(simulated(sky, count, FIRST[part]), out / part, total=count)
    read = read_observed(out / part, part, contest.surveys, cut)
    if missing := [name for name in contest.surveys if name not in read]:
        raise FoundationError(f"{count} objects have no {missing[0]}. Give more of them, or more `--contest.stars`.")
    return {name: one.spectra for name, one in read.items()}


def _trained(
    contest: Contest,
    run: Path,
    name: str,
    steps: int,
    model: SpectraConfig,
    objective: SpectraObjective,
    optim: OptimConfig,
    seed: int,
) -> SpectralModel:
    """A model of one survey or of all, trained now unless it was before."""
    train(
        data=SpectraDataConfig(run.parent / "learned", None, contest.shares(name), contest.patches, workers=0),
        out=run,
        model=model,
        cut=NativeConfig(patch=model.patch),
        objective=objective,
        optim=optim,
        trainer=TrainerConfig(steps, accelerator="cpu", checkpoint_every=steps, tensorboard=False),
        seed=seed,
        resume="auto",
    )
    return SpectralModel.from_pretrained(run / "export")


def _note(found: Found, name: str, tested: Mapping[str, Sequence[Spectrum]], model: SpectralModel) -> None:
    for survey, spectra in tested.items():
        for asked, objective in ASKED.items():
            median = float(np.median(unseen_chi2(model, spectra, objective)))
            found.setdefault(f"{survey}, {asked}", {}).setdefault(name, []).append(median)


def verdict(alone: Sequence[float], together: Sequence[float]) -> str:
    """What training together did beside what seeds do: the mean of its seeds against the interval of the others."""
    mean = float(np.mean(together))
    return "better" if mean < min(alone) else "worse" if mean > max(alone) else "the same"


def _print(found: Found) -> None:
    from rich.console import Console
    from rich.table import Table

    from foundation.bench import WIDTH

    table = Table("asked", "untrained", "alone", "all surveys", "training together is", title="χ² per pixel")
    for question, who in found.items():
        [alone] = [values for name, values in who.items() if name not in (ALL, "untrained")]
        cells = (f"{np.mean(v):.3f} [{min(v):.3f}, {max(v):.3f}]" for v in (alone, who[ALL]))
        table.add_row(question, f"{who['untrained'][0]:.3f}", *cells, verdict(alone, who[ALL]))
    Console(width=max(Console().width, WIDTH)).print(table)
