"""Small records and small tokenizers."""

import numpy as np
import pytest
import torch

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.structure import RESIDUE_KINDS
from foundation.data.biology.track import Track
from foundation.data.coefficients import Coefficients
from foundation.data.records import Image, Scalar, Sequence, Spectrum, Structure
from foundation.data.sources import Sources
from foundation.data.text import Text
from foundation.tokenizers.backbone import BackboneConfig, BackboneTokenizer
from foundation.tokenizers.codons import CodonsConfig, CodonsTokenizer
from foundation.tokenizers.coefficients import CoefficientsConfig, CoefficientsTokenizer
from foundation.tokenizers.image import ImageConfig, ImageTokenizer
from foundation.tokenizers.letters import ALPHABETS, LettersConfig, LettersTokenizer
from foundation.tokenizers.scalar import ScalarConfig, ScalarTokenizer
from foundation.tokenizers.segmentation import SegmentationConfig, SegmentationTokenizer
from foundation.tokenizers.sources import SourcesConfig, SourcesTokenizer
from foundation.tokenizers.spectrum import SpectrumConfig, SpectrumTokenizer
from foundation.tokenizers.states import StatesConfig, StatesTokenizer
from foundation.tokenizers.structure import StructureConfig, StructureTokenizer
from foundation.tokenizers.text import TextConfig, TextTokenizer
from foundation.tokenizers.track_bins import DigitiserConfig, DigitiserTokenizer
from foundation.tokenizers.track_symbols import SymbolsTokenizer
from foundation.tokenizers.tracks import SYMBOLS

BANDS = ("DES-G", "DES-R", "DES-I", "DES-Z")


def an_image(seed=0, bands=BANDS, size=32, scale=0.262):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    profile = np.exp(-np.hypot(x, y) / rng.uniform(1, 4))
    flux = rng.uniform(0.2, 2, len(bands))[:, None, None] * profile + rng.normal(0, 0.01, (len(bands), size, size))
    bad = rng.random(flux.shape) < 0.02
    return Image(flux, bands, scale, np.full(flux.shape, 1e4), bad=bad)


def a_spectrum(seed=0, pixels=900, low=3600.0, step=4.0, **parts):
    rng = np.random.default_rng(seed)
    wavelength = low + step * np.arange(pixels)
    flux = rng.uniform(1, 5) * (1 + 0.3 * np.sin(wavelength / 300 + rng.uniform(0, 6)))
    flux += 8 * np.exp(-0.5 * ((wavelength - rng.uniform(4000, 6500)) / 10) ** 2)
    sigma = 0.2
    bad = rng.random(pixels) < 0.05
    return Spectrum(
        flux + rng.normal(0, sigma, pixels), wavelength, np.full(pixels, sigma**-2), **({"bad": bad} | parts)
    )


SMALL_IMAGE = {
    "bands": BANDS, "pixels": 32, "hidden": 16, "projection": 4, "compressions": 1, "units": 1, "kernel": 3, "fold": 4,
    "levels": (5, 5, 4), "gate": -2.0,
}  # fmt: skip
SMALL_SPECTRUM = {
    "step": 8.0, "pixels": 512, "resampling": "rebin", "encoder_depths": (1, 1), "encoder_widths": (16, 24),
    "decoder_depths": (1, 0), "decoder_widths": (16, 2), "strides": (8, 2), "levels": (4, 4, 4, 4),
    "noise_input": "istd*n", "clip_ivar": 1e6,
}  # fmt: skip


def a_sequence(seed=0, kind="rna"):
    rng = np.random.default_rng(seed)
    return Sequence("".join(rng.choice(list(ALPHABETS[kind]), rng.integers(5, 40))), kind)


WORDS = ("binds", "RNA", "binding", "in", "vivo", "cells")


def a_text(seed=0):
    rng = np.random.default_rng(seed)
    return Text(" ".join(rng.choice(WORDS, int(rng.integers(3, 9)))))


def a_text_tokenizer():
    return TextTokenizer(TextConfig(("RNA", "bind", "##ing", "##s", "in", "v", "##ivo", "cell")), "context")


def a_codon_sequence(seed=0):
    return Sequence(3 * a_sequence(seed).letters, "rna")


def a_track(seed=0):
    rng = np.random.default_rng(seed)
    return Track(rng.integers(-1, 9, rng.integers(5, 40)), SYMBOLS["dssp"].symbols)


def a_track_of_numbers(seed=0):
    rng = np.random.default_rng(seed)
    return Track(np.where(rng.random(n := int(rng.integers(5, 40))) < 0.2, np.nan, rng.normal(size=n)))


def a_digitiser():
    values = np.random.default_rng(0).normal(size=2000)
    return DigitiserTokenizer(DigitiserConfig(12), "phylop").fit([values])


def a_backbone(seed=0, residues=None):
    """N, CA, C and CB of a random walk with a gap and an insertion in its numbers."""
    rng = np.random.default_rng(seed)
    residues = residues or int(rng.integers(5, 20))
    alpha = np.cumsum(rng.normal(0, 2.2, (residues, 1, 3)), 0)
    number = np.arange(residues) + 5 * (np.arange(residues) > 3)
    number[2] = number[1]
    return Structure(
        coordinates=(alpha + rng.normal(0, 1, (residues, 4, 3)) * np.array([[1], [0], [1], [1]])).reshape(-1, 3),
        atom_name=np.array(["N", "CA", "C", "CB"] * residues),
        element=np.array(["N", "C", "C", "C"] * residues),
        occupancy=np.ones(4 * residues),
        b_factor=np.zeros(4 * residues),
        altloc=np.array([""] * 4 * residues),
        alternates=np.zeros(4 * residues),
        atom_start=np.arange(0, 4 * residues + 1, 4),
        residue_name=np.array(["UNK"] * residues),
        letters="".join(rng.choice(list(AMINO_ACIDS), residues)),
        number=number,
        insertion=np.array(["", "", "A", *[""] * (residues - 3)]),
        label=np.zeros(residues),
        kind=np.full(residues, RESIDUE_KINDS.index("protein")),
        residue_start=np.array([0, residues]),
        author=("A",),
        chain_label=("A",),
        expected=("",),
    )


def seeded(kind, config, name):
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(3)
        tokenizer = kind(config, name).eval()
        for parameter in tokenizer.parameters():  # away from zero gates and zero gains, which would hide mistakes
            parameter.data += 0.1 * torch.randn_like(parameter)
    return tokenizer


def an_image_tokenizer(**options):
    return seeded(ImageTokenizer, ImageConfig(**(SMALL_IMAGE | options)), "image")


def a_spectrum_tokenizer(**options):
    return seeded(SpectrumTokenizer, SpectrumConfig(**(SMALL_SPECTRUM | options)), "spectrum_desi")


def a_states_tokenizer(**options):
    sizes = {"patch": 16, "width": 16, "depth": 1, "decoder_depth": 1, "heads": 2, "levels": (5, 4, 4)}
    return seeded(StatesTokenizer, StatesConfig(**(sizes | options)), "spectrum_desi")


def a_structure_tokenizer(**options):
    sizes = {"nearest": 8, "width": 16, "heads": 2, "decoder_width": 16, "decoder_depth": 1, "levels": (5, 5, 4)}
    return seeded(StructureTokenizer, StructureConfig(**(sizes | options)), "prot_struct")


def a_spectrum_of_any_length(seed=0):
    rng = np.random.default_rng([seed, 1])
    return a_spectrum(seed, int(rng.integers(100, 900)), rng.uniform(3500, 9000), rng.uniform(0.1, 4))


def a_scalar_tokenizer(**options):
    values = np.random.default_rng(0).lognormal(0, 1, 2000)
    return ScalarTokenizer(ScalarConfig(codes=64, **options), "flux_g").fit([values])


def a_scalar(seed=0):
    return Scalar(np.random.default_rng(seed).lognormal(), "flux_g", "nmgy")


def a_plane(seed=0, size=32):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    value = np.hypot(x - rng.uniform(-5, 5), y) < rng.uniform(3, 12)
    return Image(value[None] * rng.choice([0.2, 0.6, 1.0]), ("plane",), 0.262, np.ones((1, size, size)))


def a_segmentation_tokenizer(**options):
    sizes = {"pixels": 32, "hidden": 16, "narrow": 8, "halvings": 2, "layers": 1}
    return seeded(SegmentationTokenizer, SegmentationConfig(**(sizes | options)), "segmentation")


def some_coefficients(seed=0, count=12):
    rng = np.random.default_rng(seed)
    return Coefficients(rng.normal(0, 100 / (1 + np.arange(count))), np.ones(count), basis="gaia-bp-55")


def a_coefficients_tokenizer(**options):
    config = CoefficientsConfig(**({"count": 10, "codes": 32} | options))
    return CoefficientsTokenizer(config, "xp_bp").fit(some_coefficients(s) for s in range(200))


def some_sources(seed=0):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 9)
    return Sources(*rng.uniform(0, 95, (2, n)), *rng.normal(0, 0.3, (2, n)), rng.lognormal(0, 0.5, n))


def a_sources_tokenizer(**options):
    config = SourcesConfig(**({"codes": 64, "most": 8} | options))
    return SourcesTokenizer(config, "catalog").fit(some_sources(s) for s in range(200))


@pytest.fixture(scope="session")
def make_plane():
    return a_plane


@pytest.fixture(scope="session")
def make_coefficients():
    return some_coefficients


@pytest.fixture(scope="session")
def make_sources():
    return some_sources


@pytest.fixture(scope="session")
def make_image():
    return an_image


@pytest.fixture(scope="session")
def make_spectrum():
    return a_spectrum


@pytest.fixture
def image_tokenizer():
    return an_image_tokenizer


@pytest.fixture
def spectrum_tokenizer():
    return a_spectrum_tokenizer


@pytest.fixture
def scalar_tokenizer():
    return a_scalar_tokenizer


@pytest.fixture
def states_tokenizer():
    return a_states_tokenizer


@pytest.fixture(scope="session")
def small_image():
    return ImageConfig(**SMALL_IMAGE)


@pytest.fixture(scope="session")
def small_spectrum():
    return SpectrumConfig(**SMALL_SPECTRUM)


LEARNED = {  # name -> (tokenizer, record of a seed), records of one length, something learned
    "image": (an_image_tokenizer, an_image),
    "image 1 stage": (lambda: an_image_tokenizer(compressions=0, fold=8), an_image),
    "image 3 stages": (lambda: an_image_tokenizer(compressions=3, fold=1, kernel=5, units=2), an_image),
    "image normalised": (lambda: an_image_tokenizer(normalise=True), an_image),
    "spectrum FSQ": (a_spectrum_tokenizer, a_spectrum),
    "spectrum normalised": (lambda: a_spectrum_tokenizer(normalise=True), a_spectrum),
    "spectrum LFQ": (lambda: a_spectrum_tokenizer(levels=(2,) * 6, resampling="interpolate"), a_spectrum),
    "scalar quantiles": (a_scalar_tokenizer, a_scalar),
    "scalar log": (lambda: a_scalar_tokenizer(transform="log"), a_scalar),
    "scalar asinh": (lambda: a_scalar_tokenizer(transform="asinh", nearest=False), a_scalar),
    "scalar grid": (lambda: a_scalar_tokenizer(grid=(0.0, 6.0)), a_scalar),
    "segmentation": (a_segmentation_tokenizer, a_plane),
    "coefficients": (a_coefficients_tokenizer, some_coefficients),
}

RAGGED = {  # learned, records of any length
    "states": (a_states_tokenizer, a_spectrum_of_any_length),
    "sources": (a_sources_tokenizer, some_sources),
    "digitiser": (a_digitiser, a_track_of_numbers),
    "structure": (a_structure_tokenizer, a_backbone),
    "states published": (lambda: a_states_tokenizer(channels="published", terms=0), a_spectrum_of_any_length),
}

FIXED = {  # the same for records of any length, nothing learned
    "letters rna": (lambda: LettersTokenizer(LettersConfig("rna"), "rna"), a_sequence),
    "letters dna": (lambda: LettersTokenizer(LettersConfig("dna"), "dna"), lambda seed: a_sequence(seed, "dna")),
    "letters protein": (lambda: LettersTokenizer(LettersConfig("protein"), "p"), lambda s: a_sequence(s, "protein")),
    "codons": (lambda: CodonsTokenizer(CodonsConfig(), "codons"), a_sequence),
    "symbols rna": (lambda: SymbolsTokenizer(SYMBOLS["rna_seq"], "rna_seq"), a_sequence),
    "symbols protein": (
        lambda: SymbolsTokenizer(SYMBOLS["aa_seq"], "aa_seq"),
        lambda s: a_sequence(s, "protein"),
    ),
    "symbols codons": (lambda: SymbolsTokenizer(SYMBOLS["rna_codons"], "rna_codons"), a_codon_sequence),
    "symbols categories": (lambda: SymbolsTokenizer(SYMBOLS["dssp"], "dssp"), a_track),
    "text": (a_text_tokenizer, a_text),
    "backbone": (lambda: BackboneTokenizer(BackboneConfig(), "backbone"), a_backbone),
}


@pytest.fixture(scope="session")
def make_sequence():
    return a_sequence


@pytest.fixture(scope="session")
def make_backbone():
    return a_backbone


@pytest.fixture(params=LEARNED | RAGGED | FIXED)
def case(request):
    """(tokenizer, function from a seed to a record it takes)"""
    make_tokenizer, make_record = (LEARNED | RAGGED | FIXED)[request.param]
    return make_tokenizer(), make_record


@pytest.fixture(params=LEARNED)
def learned(request):
    """The same for tokenizers that learn and whose records have one length."""
    make_tokenizer, make_record = LEARNED[request.param]
    return make_tokenizer(), make_record
