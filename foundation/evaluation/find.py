"""The `find` verb: objects like those asked for, by frozen features, beside what the raw records would find."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np

from foundation.data.ingest import Outcome
from foundation.data.records import Image, Record, Sample
from foundation.errors import FoundationError
from foundation.evaluation.embed import batches, conclude, samples_in
from foundation.evaluation.features import random_encoder
from foundation.evaluation.outcome import Source
from foundation.evaluation.places import grid_of, windows
from foundation.evaluation.probes import standardised
from foundation.evaluation.raw import raw_columns, raw_matrix, raw_vectors
from foundation.evaluation.report import Picture, Report, Section, Table, Text, write_pictures, write_report
from foundation.evaluation.retrieval import cosine
from foundation.figures.objects import gallery
from foundation.files import write_table
from foundation.interop.aion_records import naming
from foundation.model.pretrained import FoundationModel
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.image import known_bands

NOWHERE = np.empty((0, 2))
NEAREST, SHOWN = 8, 4  # entries kept of each query; queries in a picture
EXPLAINED = (
    "Entries are ranked by the cosine of standardised features: the mean of the frozen encoder's states, the same of "
    "the network with random weights, and the record itself. The place is that of the same object on the sky, 1 if it "
    "comes first; equal entries count against it."
)


@dataclass(frozen=True)
class Alike:
    """What one kind of features finds for one query.

    Args:
        query: key of the sample.
        source: of the features.
        place: of the same object among the entries, from 1; 0 if it is not there.
        nearest: indices of the entries, best first.
        similarity: of those.
    """

    query: str
    source: Source
    place: int
    nearest: tuple[int, ...]
    similarity: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Reading:
    """How samples are read.

    Args:
        encoder: whose tokenizers.
        modality: that is compared.
        camera: whose bands images are taken for; "" = their own.
        upright: whether windows are mirrored so that East is left.
        sky: places at which images are cut, [n, 2] degrees; none = images stay whole.
    """

    encoder: FoundationModel
    modality: str
    camera: str
    upright: bool
    sky: np.ndarray = field(default_factory=lambda: NOWHERE)

    @property
    def bundle(self) -> TokenizerBundle:
        """The encoder's tokenizers."""
        return cast(TokenizerBundle, self.encoder.tokenizers)

    @property
    def pixels(self) -> int:
        """Height and width of what the tokenizer sees of an image; 0 of other records."""
        return int(getattr(self.bundle.tokenizers[self.modality].config, "pixels", 0))

    def rename(self, sample: Sample) -> Sample:
        """The sample with its modalities called as the encoder's."""
        return naming(self.encoder.spaces)(sample)

    def samples(self, files: Sequence[Path], outcome: Outcome) -> Iterator[Sample]:
        """Those that have the modality, with it alone; images that cover a place as windows."""
        for sample in map(self.rename, samples_in(files, outcome)):
            if self.modality in sample:
                cut = list(windows(sample, self.modality, self.sky, self.pixels, self.upright)) or [sample]
                yield from filter(self.bundle.accepts, map(self._known, cut))

    def _known(self, sample: Sample) -> Sample:
        record = known_bands(sample[self.modality], self.bundle.tokenizers[self.modality], self.camera)
        return replace(sample, records={self.modality: record})


def find(
    model: Path,
    query: Path,
    files: list[Path],
    *,
    out: Path,
    modality: str = "image",
    camera: str = "",
    places: int = 0,
    upright: bool = False,
    within: float = 2.0,
    device: str = "cpu",
) -> None:
    """Find what is most like each query by a frozen encoder, by one without training, and by the records themselves.

    Where the same object on the sky is among the entries, it says at which place each of the three finds it.

    Example:
        foundation find runs/sky/export PS1_g.fits.gz DES_g.fits.gz data/sky_test --camera DES --out runs/find

    Args:
        model: directory of an exported model, or a hub name.
        query: a survey file, a directory of them, a pattern, or a directory of record shards.
        files: among which to look, likewise.
        out: directory of found.csv, report.html and pictures.
        modality: that is compared.
        camera: the bands of all images are taken for those of this camera, such as DES.
        places: cut images that are larger than what the tokenizer sees at so many places in each direction of the first
            query's image, each of which becomes a query; 0 = the middle of each image.
        upright: mirror windows so that East is left in all surveys.
        within: arcsec within which two positions are one object's.
        device: where the encoder runs.

    Raises:
        FoundationError: a file could not be read, no query or entry has the modality, or bands that are not known.
    """
    outcome, models = Outcome(), _models(model, modality, device)
    reading = Reading(models["encoder"], modality, camera, upright)
    if places:
        reading = replace(reading, sky=_places(query, reading, places))
    asked = list(reading.samples([query], outcome))
    entries = _Features.of(reading.samples(files, outcome), models, modality)
    wanted = _Features.of(asked, models, modality)
    if not wanted.keys or not entries.keys:
        raise FoundationError(
            f"{len(wanted.keys)} queries and {len(entries.keys)} entries have {modality!r}. Give files that have it, "
            "or another --modality."
        )
    found = list(_found(wanted, entries, modality, within))
    lines = _summary(found, len(entries.keys))
    _write(found, entries.keys, out / "found.csv")
    again = reading.samples(files, Outcome())
    report = _report(found, lines, asked, _fetched(again, found, wanted.keys[:SHOWN]))
    write_pictures(report, out / "pictures")
    write_report(report, out / "report.html")
    for line in lines:
        print("  ".join(line))
    conclude(outcome, out, f"{len(wanted.keys)} queries among {len(entries.keys)} entries", 0)


def _models(model: Path, modality: str, device: str) -> dict[Source, FoundationModel]:
    """The encoder and its twin with random weights."""
    encoder = FoundationModel.of_tokens(model, device=device)
    known = cast(TokenizerBundle, encoder.tokenizers).tokenizers if encoder.tokenizers else {}
    if modality not in known:
        raise FoundationError(f"{model}: has tokenizers of {', '.join(known) or 'nothing'}. Give one as --modality.")
    return {"encoder": encoder, "random encoder": random_encoder(encoder, 0)}


def _places(query: Path, reading: Reading, side: int) -> np.ndarray:
    """Places on the sky of the first image of the query."""
    for sample in samples_in([query], Outcome()):
        record = reading.rename(sample).records.get(reading.modality)
        if isinstance(record, Image):
            return grid_of(record, side, reading.pixels)
    return NOWHERE


@dataclass(frozen=True, eq=False)
class _Features:
    """Keys, positions [n, 2] in degrees, features by source, and raw columns of n samples."""

    keys: list[str]
    sky: np.ndarray
    states: dict[Source, np.ndarray]
    raw: dict[str, np.ndarray]

    @classmethod
    def of(cls, samples: Iterable[Sample], models: Mapping[Source, FoundationModel], modality: str) -> "_Features":
        """Tokenised once, a batch at a time; no sample is kept."""
        keys, sky, raw = [], [], []
        states: dict[Source, list[np.ndarray]] = {source: [] for source in models}
        for batch in batches(samples):
            tokens = models["encoder"].tokenise(batch, [modality])
            for source, model in models.items():
                states[source].append(model.encode(tokens).values.float().cpu().numpy())
            keys += [s.key for s in batch]
            sky += [[float(s.origin.get(axis, np.nan)) for axis in ("ra", "dec")] for s in batch]
            raw += [raw_vectors(s) for s in batch]
        whole: dict[Source, np.ndarray] = {source: np.concatenate(parts) for source, parts in states.items() if parts}
        return cls(keys, np.array(sky).reshape(-1, 2), whole, raw_columns(raw))


def _found(wanted: _Features, entries: _Features, modality: str, within: float) -> Iterator[Alike]:
    """Of each query and source."""
    same = _separation(wanted.sky, entries.sky) <= within
    own = np.array([[q == e for e in entries.keys] for q in wanted.keys])  # a query is not its own neighbour
    pairs: dict[Source, tuple[np.ndarray, np.ndarray]] = {
        s: (wanted.states[s], entries.states[s]) for s in entries.states
    }
    pairs["raw input"] = tuple(raw_matrix(f.raw, entries.raw, (modality,)) for f in (wanted, entries))  # type: ignore[assignment]
    for source, (query, entry) in pairs.items():
        prepared = standardised().fit(entry)
        similarity = np.where(own, -np.inf, cosine(prepared.transform(query), prepared.transform(entry)))
        for i, key in enumerate(wanted.keys):
            order = np.argsort(-similarity[i], kind="stable")[: min(NEAREST, int((~own[i]).sum()))]
            right = np.flatnonzero(same[i] & ~own[i])
            place = int((similarity[i] >= similarity[i, right].max()).sum()) if len(right) else 0
            yield Alike(key, source, place, tuple(order.tolist()), tuple(similarity[i, order].tolist()))


def _separation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles [n, m] in arcsec between positions [n, 2] and [m, 2] in degrees; NaN where one is not known."""
    from astropy.coordinates import angular_separation

    return np.degrees(angular_separation(*np.radians(a).T[:, :, None], *np.radians(b).T[:, None])) * 3600


def _fetched(samples: Iterable[Sample], found: Sequence[Alike], queries: Sequence[str]) -> dict[int, Sample]:
    """The entries near the first queries, read again, so that memory holds no others."""
    wanted = {i for f in found if f.query in queries for i in f.nearest}
    return {i: sample for i, sample in enumerate(samples) if i in wanted}


def _write(found: Sequence[Alike], keys: Sequence[str], path: Path) -> None:
    columns = ("query", "features", "place_of_the_same", *(f"nearest_{i + 1}" for i in range(NEAREST)))
    write_table(path, columns, ((f.query, f.source, f.place or "", *(keys[i] for i in f.nearest)) for f in found))


def _summary(found: Sequence[Alike], entries: int) -> list[list[str]]:
    """A line for each source: queries whose object is among the entries, how often it is first, its middle place."""
    lines = []
    for source in dict.fromkeys(f.source for f in found):
        places = [f.place for f in found if f.source == source and f.place]
        first = f"{np.mean([p == 1 for p in places]):.2f}" if places else "–"
        middle = f"{np.median(places):g}" if places else "–"
        lines.append([source, f"{len(places)} of {entries}", first, middle])
    return lines


def _report(
    found: Sequence[Alike], lines: Sequence[Sequence[str]], asked: Sequence[Sample], entries: Mapping[int, Sample]
) -> Report:
    columns = ("features", "queries whose object is among the entries", "found first", "middle place")
    sections = [Section("Where the same object comes", [Table(columns, lines), Text(EXPLAINED, faint=True)])]
    first = {s.key: s for s in asked[:SHOWN]}
    for source in dict.fromkeys(f.source for f in found):
        mine = [f for f in found if f.source == source and f.query in first]
        rows = [[_only(first[f.query]), *(_only(entries[i]) for i in f.nearest)] for f in mine]
        titles = [[f.query, *(entries[i].key for i in f.nearest)] for f in mine]
        caption = f"Queries (left) and their neighbours by {source}, nearest first."
        picture = Picture(f"found_{source.replace(' ', '_')}", gallery(rows, titles), caption)
        sections.append(Section(f"Neighbours by {source}", [picture]))
    return Report("Objects like those asked for", sections)


def _only(sample: Sample) -> Record:
    return next(iter(sample.records.values()))
