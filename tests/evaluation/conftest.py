"""A sky small enough for tests: the place of a line is the redshift, the slope the class; plain tokenizers."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from foundation.config import ModelConfig
from foundation.data.records import Image, Sample, Scalar, Spectrum
from foundation.data.shards import write_records
from foundation.evaluation.observations import Observations
from foundation.model.pretrained import FoundationModel
from foundation.tokens import Axis, Space, Tokens, concatenate

CLASSES = ("GALAXY", "QSO", "STAR")
WAVELENGTH = np.linspace(3700.0, 9800.0, 160)
CODES = 32


def sky_object(index: int, seed: int = 0) -> Sample:
    """A class that the continuum's slope tells, a redshift that the place of a line tells."""
    draw = np.random.default_rng([seed, index])
    kind = index % 3
    z = 0.0 if kind == 2 else float(draw.uniform(0.05, 1.2))
    slope = (-1.5, 0.0, 1.5)[kind] * (WAVELENGTH - 6500) / 6500
    line = 6 * np.exp(-0.5 * ((WAVELENGTH - 4000 * (1 + z)) / 60) ** 2)
    flux = 3 + slope + line * (kind < 2) + draw.normal(0, 0.3, len(WAVELENGTH))
    bright = float(draw.uniform(5, 50))
    y, x = np.mgrid[:24, :24] - 11.5
    blob = np.exp(-0.5 * (y**2 + x**2) / (3 - kind) ** 2)
    image = bright * blob[None] * np.array([0.02, 0.02 * (1 + z)])[:, None, None] + draw.normal(0, 0.02, (2, 24, 24))
    records = {
        "spectrum_sdss": Spectrum(flux, WAVELENGTH, np.full(len(flux), 11.0), survey="SDSS"),
        "image": Image(image, ("DES-G", "DES-R"), 0.5, np.full(image.shape, 2500.0), survey="DES"),
        "segmap": Image(blob[None] > 0.3, ("plane",), 0.5, np.ones((1, 24, 24))),
        "flux_g": Scalar(bright, "flux_g", "nmgy"),
        "flux_r": Scalar(bright * (1 + z), "flux_r", "nmgy"),
        "redshift": Scalar(z, "redshift"),
    }
    labels = {"class": CLASSES[kind], "z": z, "snr": 10.0 + draw.uniform(0, 5)}
    return Sample(f"object-{seed}-{index}", records, labels, {"ra": float(index) * 0.5, "dec": 0.0, "survey": "test"})


@dataclass(frozen=True)
class Coarse:
    """Tokenizers without anything learned: means of cells in even bins."""

    tag: str = "coarse"

    @property
    def spaces(self) -> tuple[Space, ...]:
        along = Axis("wavelength", "Angstrom", 3700, 9800, 10)
        return (
            Space("spectrum_sdss", "discrete", CODES, (along,)),
            Space("image", "discrete", CODES, (Axis("y", "arcsec", -4.5, 4.5, 3), Axis("x", "arcsec", -4.5, 4.5, 3))),
            *(Space(n, "discrete", CODES) for n in ("flux_g", "flux_r", "redshift")),
        )

    def fingerprint(self) -> str:
        return self.tag

    def save_pretrained(self, path):
        path.mkdir(parents=True)
        (path / "tag.txt").write_text(self.tag)

    def encode(self, samples, modalities=None):
        return [
            concatenate([self._one(s, r[s.name]) for s in self.spaces if s.name in r and s.name in (modalities or r)])
            for r in samples
        ]

    def _one(self, space, record):
        if isinstance(record, Spectrum):
            cells = record.flux.reshape(20, 8).mean(1)
            at = torch.from_numpy(record.wavelength.reshape(20, 8).mean(1))[:, None]
            return Tokens.of_space(space, _code(cells / 8), at)
        if isinstance(record, Image):
            cells = record.flux[1].reshape(4, 6, 4, 6).mean((1, 3)).ravel()
            grid = torch.cartesian_prod(*(torch.arange(4, dtype=torch.float64) * 3 - 4.5,) * 2)
            return Tokens.of_space(space, _code(np.arcsinh(cells * 5) / 3), grid)
        return Tokens.of_space(space, _code([record.value / _top(space.name)]))

    def decode(self, tokens):
        records = {}
        for space in self.spaces:
            codes = tokens.ids[tokens.of(space.name)].numpy()
            if len(codes) == 20:
                flux = np.repeat((codes + 0.5) / CODES * 8, 8)
                records[space.name] = Spectrum(flux, WAVELENGTH, np.ones(160))
            elif len(codes) == 16:
                flux = np.sinh((codes.reshape(4, 4) + 0.5) / CODES * 3) / 5
                flux = np.stack([np.kron(flux, np.ones((6, 6)))] * 2)
                records[space.name] = Image(flux, ("DES-G", "DES-R"), 0.5, np.ones(flux.shape))
            elif len(codes):
                records[space.name] = Scalar((codes[0] + 0.5) / CODES * _top(space.name), space.name)
        return records


def _top(name):
    return 1.5 if name == "redshift" else 120.0


def _code(unit):
    return torch.from_numpy((np.asarray(unit) * CODES).clip(0, CODES - 1).astype(np.int64))


@pytest.fixture(scope="session")
def sky(tmp_path_factory):
    """Record shards of 240 objects."""
    path = tmp_path_factory.mktemp("sky") / "records"
    write_records((sky_object(i) for i in range(240)), path)
    return path


@pytest.fixture(scope="session")
def observed(sky):
    """The same objects as the evaluation sees them."""
    return Observations.read(sky, "main")


@pytest.fixture(scope="session")
def another_sky(tmp_path_factory):
    """Record shards of 60 other objects."""
    path = tmp_path_factory.mktemp("sky") / "others"
    write_records((sky_object(i, seed=1) for i in range(60)), path)
    return path


@pytest.fixture(scope="session")
def encoder():
    """A small model with these tokenizers, untrained."""
    torch.manual_seed(3)
    bundle = Coarse()
    config = ModelConfig(width=32, depth=2, decoder_depth=1, heads=2)
    return FoundationModel(config, bundle.spaces, bundle).eval()
