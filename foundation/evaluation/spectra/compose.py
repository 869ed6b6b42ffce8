"""compose: a study of spectra as a report, section by section."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from foundation.data.formats.catalog import read_file
from foundation.data.records import Spectrum
from foundation.errors import FoundationError
from foundation.evaluation.compose import task_section
from foundation.evaluation.figures.embedding import embedding_map, has_umap
from foundation.evaluation.metrics import metric
from foundation.evaluation.report import Picture, Report, Section, Table, Text
from foundation.evaluation.results import TaskResult
from foundation.evaluation.spectra.ask import Curve
from foundation.evaluation.spectra.features import SpectralFeatures
from foundation.evaluation.spectra.observed import Observed
from foundation.evaluation.spectra.pictures import chi2_against_snr, efficiency_curves
from foundation.evaluation.spectra.predict import FAINT, Predicted, answered, known
from foundation.evaluation.suite import Answered
from foundation.evaluation.words import number, overview, story
from foundation.figures.objects import spectrum_reconstructions
from foundation.model.spectra.pretrained import SpectralModel
from foundation.tokenizers.native import patches_if_any

EXPLAINED = (
    "The encoder is frozen: small probes learn a label from means of its states in bins of wavelength (encoder), from "
    "those of the same network with random weights (random encoder), and from the pixels in 400 bins (raw input); knn "
    "also tries 20 principal components of each. Without bins, and to find the same object again, it is mean, spread, "
    "highest and lowest of all states. The template scan compares a spectrum with components of simulated "
    "objects at every redshift. Tested objects were not learned from. Brackets are 68 % bootstrap intervals over the "
    "objects."
)
CHI2 = (
    "An object's flux at the pixels of another spectrum of it, whose noise nobody has seen: medians over objects of "
    "chi-squared per pixel, with an error floor of 1 % of the flux. Perfect knowledge has 1 if the errors are right."
)
LABELS_ON_MAP = ("class", "z", "teff", "snr")
OVERLAYS = 8  # real spectra shown


def compose(
    answers: Sequence[tuple[Answered, TaskResult]],
    curves: Sequence[Curve],
    found: Sequence[Predicted],
    maps: Sequence[Picture],
    shown: Sequence[Picture],
    about: Mapping[str, Mapping[str, object]],
) -> Report:
    """The whole report."""
    results = [result for _, result in answers]
    blocks = [Text(story(results)), overview(results), Text(EXPLAINED, faint=True)] if results else []
    sections = [Section("What was found", blocks)] if blocks else []
    if found:
        sections.append(_predictions(found))
    if curves:
        picture = Picture("label_efficiency", efficiency_curves(curves), "Mean, worst and best of the draws of labels.")
        sections.append(Section("With few labels", [efficiency_table(curves), picture]))
    sections += [Section(title, pictures) for title, pictures in (("Maps", maps), ("Real spectra", shown)) if pictures]
    sections += [task_section(one, result) for one, result in answers]
    said = "\n\n".join(f"{name}: " + ", ".join(f"{k} {v}" for k, v in part.items()) for name, part in about.items())
    sections.append(Section("How to get this again", [Text(said, faint=True)]))
    return Report("Evaluation of a model of spectra", sections, str(about["model"]["path"]))


def _predictions(found: Sequence[Predicted]) -> Section:
    pictures = [Picture("chi2", chi2_against_snr(found), "Median chi-squared per pixel against signal-to-noise.")]
    for one in found:
        titles = [f"{one.asked} of {one.on}, S/N {asked.snr:.1f}, from {one.read}" for asked, _ in one.examples]
        png = spectrum_reconstructions(one.examples, titles)
        pictures.append(
            Picture(f"predicted_{one.read}_{one.asked}_{one.on}", png, f"{one.asked}, predicted from {one.read}.")
        )
    return Section("Predicted at another survey's pixels", [Text(CHI2, faint=True), chi2_table(found), *pictures])


def chi2_table(found: Sequence[Predicted]) -> Table:
    """A row a pair and who predicts; the model first."""
    rows, best = [], set()
    for one in found:
        medians = {who: one.median(who).value for who in one.chi2}
        best.add((len(rows) + min(range(len(medians)), key=list(medians.values()).__getitem__), 3))
        faint = int((one.snr < FAINT).sum())
        for who in one.chi2:
            rest = number(one.median(who, faint=True)) if faint else "–"
            rows.append(
                [
                    f"{one.read} → {one.asked} of {one.on}",
                    who,
                    str(len(one.snr)),
                    number(one.median(who)),
                    str(faint),
                    rest,
                ]
            )
    return Table(
        ["from → to", "by", "N", "χ² per pixel", f"N of S/N < {FAINT:g}", "χ² of those"], rows, frozenset(best)
    )


def efficiency_table(curves: Sequence[Curve]) -> Table:
    """A row a question and source, a column a number of labels."""
    budgets = sorted({n for curve in curves for points in curve.points.values() for n, _ in points})
    rows = []
    for curve in curves:
        for source, points in curve.points.items():
            values = {n: f"{i.value:.3g} [{i.low:.3g}, {i.high:.3g}]" for n, i in points}
            title = f"{curve.task.title.split(', tested')[0]}: {metric(curve.metric).title}"
            rows.append([title, source, *(values.get(n, "–") for n in budgets)])
    return Table(["question", "features", *(f"{n} labels" for n in budgets)], rows)


def map_pictures(sets: Mapping[str, Observed], features: SpectralFeatures) -> Iterator[Picture]:
    """All surveys of the tested set in one map, coloured by survey and by what is known."""
    states = np.concatenate([features.states("encoder", one).summarised().pooled for one in sets.values()])
    labels = {"survey": np.repeat([n.removeprefix("spectrum_") for n in sets], [len(one) for one in sets.values()])}
    for name in LABELS_ON_MAP:
        parts = [one.about.labels.get(name) for one in sets.values()]
        if all(part is not None for part in parts):
            labels[name] = np.concatenate([np.asarray(part) for part in parts])
    caption = "of the frozen features of all surveys together; no label placed the points."
    yield Picture("map_pca", embedding_map(states, labels), f"Principal components {caption}")
    if has_umap():
        yield Picture("map_umap", embedding_map(states, labels, "umap"), f"UMAP {caption}")


def overlay_pictures(model: SpectralModel, files: Sequence[Path]) -> Iterator[Picture]:
    """What the model makes of the first spectrum of each file.

    Raises:
        FoundationError: a file that is no survey's, or without a spectrum that has anything to read.
    """
    pairs: list[tuple[Spectrum, Spectrum]] = []
    for path in files[:OVERLAYS]:
        spectra = [r for s in read_file(path) for r in s.values() if isinstance(r, Spectrum)]
        first = next((r for r in spectra if patches_if_any(r, model.cut)), None)
        if first is None:
            raise FoundationError(f"{path} has no spectrum with anything to read. Leave it out of `files`.")
        pairs.append((first, known(first, answered(model, first, first))))
    if pairs:
        names = [path.name for path in files[:OVERLAYS]]
        yield Picture(
            "overlays", spectrum_reconstructions(pairs, names), "Real spectra, and what the model makes of them."
        )
