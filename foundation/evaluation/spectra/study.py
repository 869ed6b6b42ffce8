"""Study: what a frozen model of spectra is asked, as the `spectra evaluate` verb and its YAML have it."""

from dataclasses import dataclass, field
from typing import Literal

from foundation.errors import FoundationError
from foundation.evaluation.probes import ProbeName
from foundation.evaluation.spectra.exposures import Exposures
from foundation.evaluation.tasks import Split, Task

Pair = tuple[str, str]


@dataclass(frozen=True)
class SpectralQuestion:
    """A label to be told from one spectrum.

    Args:
        target: the label.
        kind: of the label.
        surveys: modalities on each of which a probe is learned and tested.
        transfers: pairs of modalities: learned on the first, tested on the second, other objects always.
        metrics: names known to `evaluation.metrics`; the first decides. Empty = those of the kind.
        where: label -> the values an object must have one of.
        transform: what a regression is fitted to.
        exposed: whether its probes learn from the study's other exposures too, which help with what lines tell and harm
            what the continuum does, such as a temperature.
    """

    target: str
    kind: Literal["regression", "classification"]
    surveys: tuple[str, ...] = ()
    transfers: tuple[Pair, ...] = ()
    metrics: tuple[str, ...] = ()
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)
    transform: Literal["none", "log1p"] = "none"
    exposed: bool = True

    def __post_init__(self) -> None:
        if not self.surveys and not self.transfers:
            raise FoundationError(f"question {self.target!r} has neither surveys nor transfers. Name modalities.")
        self.task(*(self.pairs[0]), "tested", Split())

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Learned and tested modality of every answer."""
        return (*((name, name) for name in self.surveys), *self.transfers)

    def task(self, learned: str, tested: str, on: str, split: Split) -> Task:
        """The same as a task of the evaluation, on the record set called `on`."""
        name = f"{self.target}_{learned}" + (f"_to_{tested}" if learned != tested else "")
        return Task(
            f"{name}_{on}", self.kind, (learned,), self.target, self.metrics, self.where, self.transform,
            test=f"{tested} of {on}", split=split,
        )  # fmt: skip


@dataclass(frozen=True)
class Study:
    """All questions.

    Args:
        questions: labels to tell.
        same: pairs of modalities: find the same object's spectrum of the second from that of the first.
        predicted: pairs of modalities: predict the object's flux at the wavelengths of the second from the first.
        bins: of wavelength, in which the states of a spectrum are averaged for probes; 0 = a summary of all of them.
        exposures: that probes learn from beside the spectra themselves, unless a question says otherwise.
        probes: small predictors; validation chooses one for each source of features.
        seeds: draws of the validation part, and of the objects of small budgets.
        budgets: numbers of labels of the curves of label efficiency, on the surveys of every question.
        validation: fraction of the learned set that chooses settings.
        templates: simulated objects of each class behind the template scan; 0 = no scan.
        components: of the templates of each class.

    Raises:
        FoundationError: nothing asked, or numbers out of range.
    """

    questions: tuple[SpectralQuestion, ...] = ()
    same: tuple[Pair, ...] = ()
    predicted: tuple[Pair, ...] = ()
    bins: int = 32
    exposures: Exposures = Exposures()  # noqa: RUF009 - frozen
    probes: tuple[ProbeName, ...] = ("linear", "knn")
    seeds: int = 3
    budgets: tuple[int, ...] = ()
    validation: float = 0.2
    templates: int = 150
    components: int = 6

    def __post_init__(self) -> None:
        if not (self.questions or self.same or self.predicted):
            raise FoundationError("a study asks nothing. Add `--config configs/spectra_evaluate.yaml`, or one like it.")
        if self.seeds < 1 or not self.probes or not 0 < self.validation < 1 or min(self.budgets, default=2) < 2:
            raise FoundationError(
                f"{self.seeds} seeds, {len(self.probes)} probes, validation {self.validation}, budgets {self.budgets}. "
                "Give 1 or more of both, a fraction, and budgets of 2 and more."
            )
        if min(self.templates, self.bins) < 0 or self.components < 1:
            raise FoundationError(
                f"{self.components} components of {self.templates} templates, {self.bins} bins. Give 1 or more "
                "components, and 0 or more of the others."
            )

    @property
    def modalities(self) -> tuple[str, ...]:
        """All that is read."""
        pairs = (*(p for q in self.questions for p in q.pairs), *self.same, *self.predicted)
        return tuple(dict.fromkeys(name for pair in pairs for name in pair))
