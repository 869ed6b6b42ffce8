"""The `tokenize check` verb: how well images and spectra of survey files come back from their codes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import groupby
from pathlib import Path

import numpy as np

from foundation.data.ingest import Outcome
from foundation.data.records import Image, Record, Sample, Spectrum
from foundation.errors import FoundationError
from foundation.evaluation.embed import conclude, samples_in
from foundation.evaluation.report import Picture, Report, Section, Table, Text, write_pictures, write_report
from foundation.figures.objects import image_reconstructions, spectrum_reconstructions
from foundation.files import write_table
from foundation.interop.aion_records import naming
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.cutout import side_by_side
from foundation.tokenizers.image import known_bands

SHOWN = 6  # records of a survey in a picture
EXPLAINED = (
    "χ² is the mean over the usable pixels of ((measured - rebuilt) / σ)², with the σ that the survey reports; with "
    "the floor, σ has the fraction of the flux added that the tokenizer was trained with. Beside it that of one number "
    "for each band, or each spectrum: its own mean. Flux is what was rebuilt over what was measured, summed over the "
    "usable pixels."
)


@dataclass(frozen=True)
class Kept:
    """What the codes of one record keep.

    Args:
        key: of the sample.
        modality: of the record.
        survey: that observed it.
        tokens: that stand for it.
        pixels: usable ones.
        chi2: a pixel.
        chi2_floor: with the error floor of the tokenizer.
        chi2_of_mean: of each band's or the spectrum's own mean.
        flux: rebuilt over measured.
    """

    key: str
    modality: str
    survey: str
    tokens: int
    pixels: int
    chi2: float
    chi2_floor: float
    chi2_of_mean: float
    flux: float


Pair = tuple[Image, Image] | tuple[Spectrum, Spectrum]  # what a tokenizer saw, what came back


def check(files: list[Path], *, tokenizers: Path, out: Path, camera: str = "") -> None:
    """Turn images and spectra into codes and back; write numbers of each record and a report with residual maps.

    Example:
        foundation tokenize check images_hsc/ PS1_*.fits --tokenizers runs/sky/export --camera DES --out runs/check

    Args:
        files: survey files, directories of them, patterns, or directories of record shards.
        tokenizers: directory of tokenizers, or of an exported model with its own.
        out: directory of kept.csv, report.html and pictures.
        camera: the bands of all images are taken for those of this camera, such as DES, when the tokenizer has not seen
            their own; those it still does not know are left out.

    Raises:
        FoundationError: a file could not be read, nothing was turned into codes, or bands that are not known.
    """
    inside = tokenizers / "tokenizers"
    bundle = TokenizerBundle.from_pretrained(inside if inside.is_dir() else tokenizers)
    outcome, found, shown = Outcome(), [], []
    for kept, pair in _checked(map(naming(bundle.spaces), samples_in(files, outcome)), bundle, camera):
        found.append(kept)
        if sum(k.modality == kept.modality and k.survey == kept.survey for k, _ in shown) < SHOWN:
            shown.append((kept, pair))
    if not found:
        reasons = " ".join(reason for _, reason in outcome.failures[:3])
        known = ", ".join(bundle.tokenizers)
        raise FoundationError(f"{out}: no image or spectrum to check; the tokenizers know {known}. {reasons}")
    _write(found, out / "kept.csv")
    report = _report(found, shown)
    write_pictures(report, out / "pictures")
    write_report(report, out / "report.html")
    for row in _rows(found):
        print("  ".join(row))
    conclude(outcome, out, f"{len(found)} records checked", 0)


def _checked(samples: Iterable[Sample], bundle: TokenizerBundle, camera: str) -> Iterator[tuple[Kept, Pair]]:
    for sample in samples:
        for modality, record in sample.items():
            tokenizer = bundle.tokenizers.get(modality)
            if tokenizer is None or not isinstance(record, Image | Spectrum):
                continue
            record = known_bands(record, tokenizer, camera)
            if tokenizer.accepts(record):
                [tokens] = tokenizer.encode([record])
                pair = _pair(record, tokenizer.decode([tokens])[0])
                floor = float(getattr(tokenizer.config, "error_floor", 0.0))
                survey = record.survey or str(sample.origin.get("survey", ""))
                yield Kept(sample.key, modality, survey, len(tokens), *scores(*pair, floor)), pair


def _pair(original: Record, rebuilt: Record) -> Pair:
    if isinstance(original, Image) and isinstance(rebuilt, Image):
        return side_by_side(original, rebuilt)
    if isinstance(original, Spectrum) and isinstance(rebuilt, Spectrum):
        return original, rebuilt
    raise FoundationError(f"a {type(original).__name__} came back as a {type(rebuilt).__name__}. Change the tokenizer.")


def scores(
    original: Image | Spectrum, rebuilt: Image | Spectrum, floor: float
) -> tuple[int, float, float, float, float]:
    """Usable pixels; chi-square a pixel as it is, with an error floor, and of the mean; flux rebuilt over measured."""
    use = original.usable
    value = rebuilt.flux
    if isinstance(original, Spectrum) and isinstance(rebuilt, Spectrum):
        grid = rebuilt.wavelength
        use = use & (original.wavelength >= grid[0]) & (original.wavelength <= grid[-1])
        value = np.interp(original.wavelength, grid, rebuilt.flux)
    flux, ivar = original.flux.astype(np.float64), np.where(use, original.ivar, 0).astype(np.float64)
    along = tuple(range(flux.ndim))[-2:]  # the pixels of a band, or of the spectrum
    mean = (flux * ivar).sum(along, keepdims=True) / np.maximum(ivar.sum(along, keepdims=True), 1e-300)
    count = int(use.sum())

    def chi2(model: np.ndarray, ivar: np.ndarray) -> float:
        return float((ivar * (flux - model) ** 2).sum() / max(count, 1))

    softened = ivar / (1 + ivar * (floor * flux) ** 2)
    total = float(flux[use].sum())
    share = float(value[use].sum()) / total if total else float("nan")
    return count, chi2(value, ivar), chi2(value, softened), chi2(mean, ivar), share


def _write(found: Sequence[Kept], path: Path) -> None:
    write_table(path, [f.name for f in fields(Kept)], (astuple(k) for k in found))


COLUMNS = ("modality", "survey", "records", "tokens", "χ²", "χ² with the floor", "χ² of the mean", "flux")


def _groups(found: Sequence[Kept]) -> Iterator[tuple[str, str, list[Kept]]]:
    ordered = sorted(found, key=lambda k: (k.modality, k.survey))
    for (modality, survey), group in groupby(ordered, key=lambda k: (k.modality, k.survey)):
        yield modality, survey, list(group)


def _rows(found: Sequence[Kept]) -> list[list[str]]:
    """Medians over the records of each modality and survey."""
    rows = []
    for modality, survey, group in _groups(found):
        numbers = [
            f"{np.nanmedian([getattr(k, name) for k in group]):.3g}"
            for name in ("tokens", "chi2", "chi2_floor", "chi2_of_mean", "flux")
        ]
        rows.append([modality, survey, str(len(group)), *numbers])
    return rows


def _report(found: Sequence[Kept], shown: Sequence[tuple[Kept, Pair]]) -> Report:
    sections = [Section("What codes keep", [Table(COLUMNS, _rows(found)), Text(EXPLAINED, faint=True)])]
    for modality, survey, group in _groups([k for k, _ in shown]):
        pairs = [pair for k, pair in shown if k in group]
        draw = image_reconstructions if isinstance(pairs[0][0], Image) else spectrum_reconstructions
        names = [f"{k.key}, χ² {k.chi2:.3g}" for k in group]
        name = "_".join(filter(None, (modality, survey)))
        caption = (
            f"{modality} of {survey or 'unknown survey'}: measured, from its codes, and the residual over the noise."
        )
        sections.append(Section(f"{modality}, {survey}", [Picture(name, draw(pairs, names), caption)]))
    return Report("What tokenizers keep of survey files", sections)
