"""Tables of the Multimodal Universe, written here as its builders write them, become records."""

import h5py
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError
from foundation.data.ingest import ingest
from foundation.data.shards import RecordShards

RNG = np.random.default_rng(0)
N, SIDE = 3, 12
LEGACY = {
    "object_id": np.array([b"0001m002-7", b"0001m002-8", b"0001m002-9"]),
    "ra": np.array([10.0, 11.0, 12.0]),
    "dec": np.array([-1.0, -2.0, -3.0]),
    "healpix": np.array([5, 5, 5]),
    "image_band": np.array([[b"des-g", b"des-r", b"des-i", b"des-z"]] * N),
    "image_array": RNG.normal(size=(N, 4, SIDE, SIDE)).astype("f4"),
    "image_ivar": RNG.uniform(1, 2, (N, 4, SIDE, SIDE)).astype("f4"),
    "image_mask": RNG.random((N, SIDE, SIDE)) > 0.1,
    "image_psf_fwhm": np.full((N, 4), 1.3),
    "image_scale": np.full((N, 4), 0.262, "f4"),
    "FLUX_G": np.array([1.0, 2.0, 3.0]),
    "FLUX_W4": np.array([0.1, np.nan, 0.3]),
    "EBV": np.array([0.02, 0.03, 0.04]),
    "TYPE": np.array([b"SER", b"DEV", b"EXP"]),
}
GRID = 3600 + 0.8 * np.arange(50)


def write_hdf5(path, columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file.create_dataset(name, data=values)
    return path


def spectra(step=None):
    """Rows that end in filling: no wavelength, no weight."""
    grid = np.tile(GRID if step is None else 10 ** (3.58 + 1e-4 * np.arange(50)), (N, 1))
    ivar = np.full((N, 50), 2.0)
    grid[1, 40:], ivar[1, 40:] = -1, 0
    return {
        "object_id": np.arange(N) + 100,
        "spectrum_flux": RNG.normal(size=(N, 50)),
        "spectrum_ivar": ivar,
        "spectrum_lambda": grid,
        "spectrum_mask": np.arange(50) == np.arange(N)[:, None],
        "spectrum_lsf_sigma": np.full((N, 50), 0.7),
        "Z": np.array([0.1, 0.2, 0.3]),
        "ZERR": np.full(N, 1e-4),
    }


def test_a_file_of_legacy_images(tmp_path):
    path = write_hdf5(tmp_path / "legacy" / "healpix=5" / "001-of-001.hdf5", LEGACY)
    samples = list(read_file(path))
    assert [s.key for s in samples] == [f"legacy-0001m002-{i}" for i in (7, 8, 9)]
    for i, sample in enumerate(samples):
        image = sample["image"]
        assert image.bands == ("DES-G", "DES-R", "DES-I", "DES-Z") and image.survey == "legacy"
        np.testing.assert_array_equal(image.flux, LEGACY["image_array"][i])
        assert image.pixel_scale == pytest.approx(0.262) and image.psf_fwhm == pytest.approx((1.3,) * 4)
        assert (image.bad == ~LEGACY["image_mask"][i]).all(), "1 is good in these masks"
        assert sample["flux_g"].value == LEGACY["FLUX_G"][i] and sample["ebv"].unit == "mag"
        assert ("flux_w4" in sample) == (i != 1)
        assert sample.labels["healpix"] == 5 and sample.labels["type"] == ("SER", "DEV", "EXP")[i]
        assert (sample.origin["ra"], sample.origin["dec"]) == (10.0 + i, -1.0 - i)


def test_hsc_counts_become_nanomaggies_and_missing_weights_are_measured(tmp_path):
    flux = RNG.normal(0, 2, (1, 2, 40, 40))
    columns = {
        "object_id": np.array([7]), "image_band": np.array([[b"hsc-g", b"hsc-i"]]), "image_flux": flux,
        "image_scale": np.array([[0.168, 0.168]]), "g_cmodel_mag": np.array([21.5]), "a_g": np.array([0.1]),
        "i_sdssshape_shape11": np.array([0.4]),
    }  # fmt: skip
    [sample] = read_file(write_hdf5(tmp_path / "hsc.hdf5", columns))
    unit = 10 ** (-0.4 * 4.5)
    np.testing.assert_allclose(sample["image"].flux, flux[0] * unit, rtol=1e-6)
    assert sample["image"].ivar.mean() == pytest.approx(1 / (2 * unit) ** 2, rel=0.2)
    assert sample["mag_g"].value == 21.5 and sample["shape11"].value == pytest.approx(0.4) and "a_g" in sample


@pytest.mark.parametrize(("step", "name"), [(None, "spectrum_desi"), (1e-4, "spectrum_sdss")])
def test_spectra_by_their_grid_without_what_fills_up_the_rows(tmp_path, step, name):
    columns = spectra(step) | {"ZWARN": np.array([0, 4, 0])}
    samples = list(read_file(write_hdf5(tmp_path / "s.hdf5", columns)))
    for i, sample in enumerate(samples):
        count = 40 if i == 1 else 50
        spectrum = sample[name]
        assert len(spectrum.flux) == count and spectrum.bad.tolist() == [j == i for j in range(count)]
        np.testing.assert_allclose(spectrum.flux, columns["spectrum_flux"][i, :count].astype("f4"))
        np.testing.assert_allclose(spectrum.lsf_sigma, 0.7)
        assert sample.labels["z"] == pytest.approx(columns["Z"][i])
        assert ("redshift" in sample) == (i != 1)


def test_parquet_says_the_same(tmp_path):
    """Structs and lists of structs, and the redshift's flag turned around."""
    columns = spectra()
    images = [
        [
            {"band": band.decode(), "flux": LEGACY["image_array"][i, j].tolist(), "scale": 0.262,
             "ivar": LEGACY["image_ivar"][i, j].tolist(), "mask": LEGACY["image_mask"][i].tolist(), "psf_fwhm": 1.3}
            for j, band in enumerate(LEGACY["image_band"][i])
        ]
        for i in range(N)
    ]  # fmt: skip
    parts = ("flux", "ivar", "lambda", "mask")
    spectrum = [{p: columns[f"spectrum_{p}"][i].tolist() for p in parts} for i in range(N)]
    table = pa.table(
        {"object_id": [str(k) for k in columns["object_id"]], "image": images, "spectrum": spectrum,
         "Z": columns["Z"], "ZWARN": [True, False, True], "FLUX_R": [1.0, None, 3.0]}
    )  # fmt: skip
    parquet.write_table(table, tmp_path / "p.parquet")
    for i, sample in enumerate(read_file(tmp_path / "p.parquet")):
        np.testing.assert_allclose(sample["image"].flux, LEGACY["image_array"][i], rtol=1e-6)
        np.testing.assert_allclose(sample["image"].ivar, LEGACY["image_ivar"][i], rtol=1e-6)
        assert (sample["image"].bad == ~LEGACY["image_mask"][i]).all()
        assert len(sample["spectrum_desi"].flux) == (40 if i == 1 else 50)
        assert ("redshift" in sample) == (i != 1) == ("flux_r" in sample)


FOUND = 3  # sources in a catalogue of 20 rows
CATALOGUE = {"X": [6, 0, 11], "Y": [2.5, 0, 7], "SHAPE_E1": [0.1, 0, 0], "SHAPE_E2": [-0.2, 0, 0], "SHAPE_R": [1, 0, 2]}
FLUXES = {"FLUX_G": [0.5, 0.7, 9], "FLUX_Z": [1, 2, 20], "TYPE": [3, 1, 5]}  # the second is a star at the corner


def catalogue():
    """Columns [N, 20]: what was found, then zeros."""
    fill = [0.0] * (20 - FOUND)
    return {name: np.tile(np.array([*values, *fill], "f4"), (N, 1)) for name, values in (CATALOGUE | FLUXES).items()}


def written_as(kind, path, columns):
    """A file as the collection's HDF5, where columns are flat, or its parquet, where they are a struct of lists."""
    if kind == "hdf5":
        return write_hdf5(path / "x.hdf5", LEGACY | {f"catalog_{name}": c for name, c in columns.items()})
    rows = [{name: c[i].tolist() for name, c in columns.items()} for i in range(N)]
    table = pa.table({"object_id": [str(i) for i in range(N)], "catalog": rows, "FLUX_G": [1.0] * N})
    parquet.write_table(table, path / "x.parquet")
    return path / "x.parquet"


@pytest.mark.parametrize("kind", ["hdf5", "parquet"])
def test_the_catalogue_of_a_cutout(tmp_path, kind):
    columns = catalogue()
    columns["SHAPE_R"][1, 0] = np.nan
    samples = list(read_file(written_as(kind, tmp_path, columns)))
    for i, sample in enumerate(samples):
        kept = slice(int(i == 1), FOUND)  # a source without a number is left out
        for name, values in zip(("x", "y", "e1", "e2", "radius"), CATALOGUE.values(), strict=True):
            np.testing.assert_allclose(getattr(sample["sources"], name), values[kept], rtol=1e-6)
        assert sample["flux_g"].value > 0 and not any("catalog" in name for name in sample.labels)


def test_a_catalogue_without_places_is_told_of(tmp_path):
    columns = catalogue()
    del columns["X"]
    reading = read_file(written_as("hdf5", tmp_path, columns))
    with pytest.raises(StopIteration) as end:
        while True:
            assert "sources" not in next(reading)
    assert "catalog_shape_r" in end.value.value


def test_sources_under_aions_name_lie_in_the_middle_of_the_image(tmp_path):
    """A source at the image's centre is at the crop's; one within 32 pixels of an edge of 160 is outside of 96."""
    image = np.ones((N, 4, 160, 160), "f4")
    place = catalogue() | {"X": np.tile([80, 31, 127, 128, *[0.0] * 16], (N, 1)), "TYPE": np.ones((N, 20))}
    place["Y"] = np.full((N, 20), 80.0)
    columns = LEGACY | {"image_array": image, "image_ivar": image, "image_mask": np.ones((N, 160, 160), bool)}
    columns |= {f"catalog_{name}": c for name, c in place.items()}
    ingest([write_hdf5(tmp_path / "x.hdf5", columns)], out=tmp_path / "out", names="aion")
    for sample in RecordShards(tmp_path / "out"):
        assert sample["catalog"].x.tolist() == [48, 95] and sample["catalog"].y.tolist() == [48, 48]


def test_gaia_coefficients(tmp_path):
    columns = {
        "source_id": np.array([1, 2]), "ra": np.array([1.0, 2.0]), "dec": np.array([3.0, 4.0]),
        "bp_coefficients": RNG.normal(size=(2, 55)), "bp_coefficient_errors": np.ones((2, 55)),
        "rp_coefficients": RNG.normal(size=(2, 55)), "rp_coefficient_errors": np.ones((2, 55)),
        "bp_basis_function_id": np.array([56, 56]), "phot_g_mean_flux": np.array([1e4, 2e4]),
        "parallax": np.array([0.5, np.nan]), "bp_coefficient_correlations": np.zeros((2, 1485)),
    }  # fmt: skip
    first, second = read_file(write_hdf5(tmp_path / "gaia.hdf5", columns))
    assert first.key == "gaia-1" and first["coefficients_gaia_bp"].basis == "gaia-bp-56"
    np.testing.assert_array_equal(second["coefficients_gaia_rp"].values, columns["rp_coefficients"][1])
    assert first["flux_g_gaia"].value == 1e4 and "parallax" in first and "parallax" not in second
    assert first["ra"].value == 1.0


def test_directories_become_shards_under_aions_names(tmp_path):
    write_hdf5(tmp_path / "in" / "healpix=5" / "a.hdf5", LEGACY)
    write_hdf5(tmp_path / "in" / "healpix=6" / "b.hdf5", spectra())
    ingest([tmp_path / "in"], out=tmp_path / "out", names="aion")
    samples = list(RecordShards(tmp_path / "out"))
    assert set(samples[0]) == {"tok_image", "tok_flux_g", "tok_flux_w4", "tok_ebv"}
    assert set(samples[3]) == {"tok_spectrum_desi", "tok_z"} and samples[3]["tok_z"].name == "tok_z"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"image_band": np.array([[b"g", b"r", b"i", b"z"]] * N)}, "the unit of flux of G, I, R, Z is not known"),
        ({"image_scale": None}, "an image without flux, band or scale"),
        ({"FLUX_G": np.ones(2)}, r"columns have \[2, 3\] rows"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path, change, sentence):
    columns = {n: v for n, v in (LEGACY | change).items() if v is not None}
    with pytest.raises(FormatError, match=sentence):
        list(read_file(write_hdf5(tmp_path / "x.hdf5", columns)))
