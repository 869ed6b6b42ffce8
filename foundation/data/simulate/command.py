"""The `simulate sky` verb: record shards of simulated objects, made by any number of processes with the same bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from torch.utils.data import DataLoader, Dataset

from foundation.data.records import Sample
from foundation.data.shards import write_records
from foundation.data.simulate.sky import SkySurvey
from foundation.errors import FoundationError
from foundation.files import whole_file
from foundation.processes import end_with_parent

CHUNK = 16  # objects that a process hands over at once
ON_THE_PAGE = 12


def sky(
    out: Path = Path("runs/sky"),
    objects: int = 5000,
    start: int = 0,
    workers: int = 0,
    picture: Path | None = None,
    seed: int = SkySurvey.seed,
    galaxies: float = SkySurvey.galaxies,
    quasars: float = SkySurvey.quasars,
    stars: float = SkySurvey.stars,
    spectra: tuple[str, ...] = SkySurvey.spectra,
    image_size: int = SkySurvey.image_size,
    segmap: bool = SkySurvey.segmap,
    snr: tuple[float, float] = SkySurvey.snr,
    bright_fraction: float = SkySurvey.bright_fraction,
    missing_image: float = SkySurvey.missing_image,
    missing_spectrum: float = SkySurvey.missing_spectrum,
    missing_scalar: float = SkySurvey.missing_scalar,
    outliers: float = SkySurvey.outliers,
) -> None:
    """Simulate a cross-matched sky: galaxies, quasars and stars with images, spectra, photometry and redshifts.

    Object number i of a seed is always the same, whatever else was asked for.

    Example:
        foundation simulate sky --out runs/sky --objects 5000 --seed 0 --workers 2 --picture runs/sky.png

    Args:
        out: directory of the record shards; replaced when the new one is complete.
        objects: how many to simulate.
        start: number of the first one, so that two calls can make disjoint sets of one sky.
        workers: extra processes; 0 = this one only.
        picture: PNG file for a page that shows the first objects.
        seed: of the whole sky.
        galaxies: relative frequency of the class, as the next two.
        quasars: the same.
        stars: the same.
        spectra: which of spectrum_sdss, _desi, _galah and _apogee (of stars), _gaia (not of galaxies) are observed.
        image_size: side of the images in pixels of 0.262 arcsec; 0 = no images.
        segmap: whether a map of the pixels that the object itself rules goes with each image, for segmentation.
        snr: range of the median signal-to-noise per pixel of a spectrum of SDSS or DESI.
        bright_fraction: of spectra with a signal-to-noise beyond that range.
        missing_image: probability that an object has no image.
        missing_spectrum: the same of each spectrum, but one of them always stays.
        missing_scalar: the same of each catalogue entry.
        outliers: fraction of pixels whose noise is five times what is reported.

    Raises:
        FoundationError: an option makes no sense, speclite is missing, or the disk is full.
    """
    if objects < 1 or start < 0:
        raise FoundationError(
            f"Got {objects} objects from number {start}, wanted at least 1 from 0 on. Try --objects 100."
        )
    survey = SkySurvey(
        seed, galaxies, quasars, stars, spectra, image_size, segmap, snr, bright_fraction,
        missing_image, missing_spectrum, missing_scalar, outliers,
    )  # fmt: skip
    if picture is not None:
        _draw(survey, picture, min(objects, ON_THE_PAGE), start)
    write_records(simulated(survey, objects, start, workers), out, total=objects)


@dataclass(frozen=True)
class _Numbered(Dataset):
    """The objects of a survey from number `start`, as torch's loader wants them."""

    survey: SkySurvey
    objects: int
    start: int

    def __len__(self) -> int:
        return self.objects

    def __getitem__(self, index: int) -> Sample:
        return self.survey.sample(self.start + index)


def simulated(survey: SkySurvey, objects: int, start: int = 0, workers: int = 0) -> Iterator[Sample]:
    """The same samples in the same order for any number of worker processes."""
    if workers == 0:
        return survey.samples(objects, start)
    loader = DataLoader(
        _Numbered(survey, objects, start),
        batch_size=CHUNK,
        num_workers=workers,
        collate_fn=list,
        worker_init_fn=end_with_parent,
    )
    return chain.from_iterable(loader)


def _draw(survey: SkySurvey, path: Path, count: int, start: int) -> None:
    from foundation.data.simulate.picture import page  # matplotlib, which the data do not need

    with whole_file(path) as temporary:
        temporary.write_bytes(page(list(survey.samples(count, start))))
