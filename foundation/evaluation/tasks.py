"""tasks: the questions asked of a frozen encoder, declared in YAML (configs/evaluate.yaml)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from foundation.errors import FoundationError

Pooling = Literal["mean", "spaces", "places"]

METRICS: dict[str, tuple[str, ...]] = {  # of each kind; the first decides which probe is best
    "regression": ("r2", "spearman", "sigma_mad"),
    "classification": ("macro_f1", "balanced_accuracy", "accuracy"),
    "retrieval": ("ndcg@10",),
    "completion": ("nll",),
    "segmentation": ("iou",),
}
RECORDS = ("completion", "segmentation")  # kinds whose target is a modality, not a label


@dataclass(frozen=True)
class Split:
    """Which objects train a probe, choose its settings, and test it; drawn from a hash of the object, or of its place.

    Args:
        validation: fraction of the objects that chooses a probe's settings; another draw for every probe seed.
        test: fraction of the objects that is only ever predicted; the same for every probe seed.
        seed: of the test draw.
        nside: of HEALPix cells that stay together, so that neighbours on the sky do; 0 = single objects.
    """

    validation: float = 0.15
    test: float = 0.35
    seed: int = 0
    nside: int = 0

    def __post_init__(self) -> None:
        if not (self.validation > 0 and self.test > 0 and self.validation + self.test < 1):
            raise FoundationError(
                f"split: validation {self.validation} and test {self.test}. Give fractions that leave some to train."
            )


@dataclass(frozen=True)
class Task:
    """One question.

    An object takes part if it has the target, every image and spectrum named in `inputs`, and at least one of the
    scalars named there if there are any.

    Args:
        name: short, unique; names files.
        kind: "regression" and "classification" of a label by probes; "retrieval" of objects with a like label, or of
            the same object in another modality if `gallery` is given; "completion" of a modality by the model's head;
            "segmentation" of an image by masks.
        inputs: modalities the encoder sees; of a segmentation one image.
        target: the label, or in a completion the modality, in a segmentation that of the masks, images of one plane
            from 0 to 1; empty for the retrieval of the same object.
        metrics: names known to `evaluation.metrics`; the first decides which probe is best. Empty = those of the kind.
        where: label -> the values an object must have one of.
        transform: what a regression is fitted to; log1p suits redshifts, whose errors grow as 1 + z, and
            is undone for the scores; log10 is not, and leaves out labels that are not positive.
        scale: retrieval by a numeric label: relevance is exp(-|difference| / scale).
        gallery: modalities of the entries to retrieve, for the retrieval of the same object.
        test: name of another record set to test on; empty = a part of the same set.
        few: numbers of training objects of a learning curve, which stands beside the score with all of them.
        rare: retrieval of what is rare. A class: its test objects alone are queries. A number, such as a fraction of
            votes: objects with a label above it are queries, and the relevance of an entry is its own label.
        pool: how tokens become one vector, where this question wants it otherwise than the settings.
        published: what others report for this question in the first metric, by model and input. It was measured on
            other objects, and only stands beside ours.
    """

    name: str
    kind: Literal["regression", "classification", "retrieval", "completion", "segmentation"]
    inputs: tuple[str, ...]
    target: str = ""
    metrics: tuple[str, ...] = ()
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)
    transform: Literal["none", "log1p", "log10"] = "none"
    scale: float = 0.02
    gallery: tuple[str, ...] = ()
    test: str = ""
    few: tuple[int, ...] = ()
    rare: float | str | None = None
    pool: Pooling | None = None
    published: dict[str, float] = field(default_factory=dict)
    split: Split = field(default_factory=Split)

    def __post_init__(self) -> None:
        if not self.inputs:
            raise FoundationError(f"task {self.name!r} has no inputs. Name the modalities that the encoder may see.")
        if not self.target and not (self.kind == "retrieval" and self.gallery):
            raise FoundationError(f"task {self.name!r} has no target. Name a label, or the modality to complete.")
        if self.kind in RECORDS and self.target in self.inputs:
            raise FoundationError(
                f"task {self.name!r} gives {self.target!r} and asks for it. Take it out of the inputs."
            )
        if self.test and self.kind not in ("regression", "classification"):
            raise FoundationError(
                f"task {self.name!r}: a {self.kind} is tested on its own record set. Leave `test` out."
            )
        self._check_extras()
        from foundation.evaluation.metrics import metric

        for name in self.scored:
            metric(name)

    def _check_extras(self) -> None:
        if self.kind == "segmentation" and len(self.inputs) != 1:
            raise FoundationError(f"task {self.name!r}: a segmentation has one image as its input. Name it alone.")
        if self.few and (self.kind not in ("regression", "classification") or min(self.few) < 2):
            raise FoundationError(
                f"task {self.name!r}: a learning curve of {', '.join(map(str, self.few))} objects in a {self.kind}. "
                "Give numbers from 2 on, to a regression or classification."
            )
        if self.rare is not None and (self.kind != "retrieval" or self.gallery):
            raise FoundationError(
                f"task {self.name!r}: only a retrieval by label has something rare. Leave `rare` out."
            )

    @property
    def modalities(self) -> tuple[str, ...]:
        """All modalities that have to be tokenised."""
        return (*self.inputs, *self.gallery, *((self.target,) if self.kind == "completion" else ()))

    @property
    def scored(self) -> tuple[str, ...]:
        """The metrics computed, the deciding one first."""
        return self.metrics or (("recall@1", "recall@10") if self.gallery else METRICS[self.kind])

    @property
    def title(self) -> str:
        """The question in a few words."""
        what = "the same object" if self.gallery else self.target
        given = _list(self.inputs) if not self.gallery else f"{_list(self.inputs)} to {_list(self.gallery)}"
        return f"{what} from {given}" + (f", tested on {self.test}" if self.test else "")


def _list(modalities: Iterable[str]) -> str:
    fluxes = [m for m in modalities if m.startswith("flux_")]
    others = [m for m in modalities if not m.startswith("flux_")]
    return " + ".join([*others, *(["photometry"] if fluxes else [])])


def check(tasks: Iterable[Task], sets: Mapping[str, Path]) -> None:
    """Raise if two tasks share a name or a task is tested on a record set that was not given."""
    names = [t.name for t in tasks]
    if not names:
        raise FoundationError(
            "no tasks to evaluate. Add `--config configs/evaluate.yaml`, or a file of your own like it."
        )
    if len(set(names)) < len(names):
        raise FoundationError(f"tasks share a name: {', '.join(names)}. Give each its own.")
    for task in tasks:
        if task.test and task.test not in sets:
            raise FoundationError(
                f"task {task.name!r} is tested on {task.test!r}, not given. Add `--sets.{task.test} DIRECTORY`."
            )
