"""A directory in AION-1's released layout meets survey files: embeddings, posteriors and record shards, by commands."""

import h5py
import numpy as np
import pytest
from pyarrow import parquet

from foundation.__main__ import main
from foundation.data.shards import RecordShards
from foundation.interop.aion_files import write_aion

from .small_codecs import NAMES, write_small

N = 3


@pytest.fixture(scope="module")
def released(aion, tmp_path_factory):
    directory = tmp_path_factory.mktemp("released") / "aion"
    write_aion(aion(sorted(NAMES)), directory)
    write_small(directory, NAMES)
    return directory


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Tables of the Multimodal Universe: images of galaxies, and spectra of two of them and of another."""
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("tables")
    image = rng.normal(size=(N, 4, 100, 100)).astype("f4")
    place = {"ra": np.arange(N) + 10.0, "dec": np.zeros(N), "object_id": np.arange(N)}
    legacy = place | {
        "image_array": image, "image_ivar": np.ones_like(image), "image_scale": np.full((N, 4), 0.262),
        "image_band": np.array([[b"des-g", b"des-r", b"des-i", b"des-z"]] * N), "FLUX_G": np.array([1.0, 2.0, 5.0]),
        **{f"catalog_{n}": np.tile([20.0, 50.0, 0.0], (N, 1)) for n in ("X", "Y", "SHAPE_E1", "SHAPE_E2", "SHAPE_R")},
    }  # fmt: skip
    grid = np.tile(3600 + 0.8 * np.arange(7781), (N, 1))
    desi = place | {
        "ra": np.array([11.0, 12.0, 40.0]), "spectrum_flux": 5 + rng.normal(size=grid.shape), "spectrum_lambda": grid,
        "spectrum_ivar": np.ones_like(grid), "Z": np.array([0.1, 0.2, 0.3]), "ZWARN": np.zeros(N, int),
    }  # fmt: skip
    for name, columns in (("legacy", legacy), ("desi", desi)):
        with h5py.File(path / f"{name}.hdf5", "w") as file:
            for column, values in columns.items():
                file[column] = values
    return path


def test_embeddings_of_tables(released, tables, tmp_path):
    out = tmp_path / "embeddings.parquet"
    assert main(["embed", str(released), str(tables), "--out", str(out)]) == 0
    table = parquet.read_table(out)
    assert sorted(table["key"].to_pylist()) == [*(f"desi-{i}" for i in range(N)), *(f"legacy-{i}" for i in range(N))]
    assert np.isfinite(np.array(table["embedding"].to_pylist())).all()


def test_redshifts_of_images(released, tables, tmp_path):
    arguments = ["--given", "tok_image,tok_flux_g", "--asked", "tok_z", "--out", str(tmp_path / "z.npz")]
    assert main(["generate", str(released), str(tables / "legacy.hdf5"), *arguments]) == 0
    with np.load(tmp_path / "z.npz") as found:
        assert found["key"].tolist() == [f"legacy-{i}" for i in range(N)]
        np.testing.assert_allclose(found["tok_z.probability"].sum(1), 1)
        assert 0 <= found["tok_z.value"].min() <= found["tok_z.value"].max() <= 6


def test_galaxies_that_both_surveys_saw(released, tables, tmp_path):
    for name in ("legacy", "desi"):
        arguments = ["ingest", str(tables / f"{name}.hdf5"), "--names", "aion", "--out", str(tmp_path / name)]
        assert main(arguments) == 0
    assert main(["crossmatch", str(tmp_path / "legacy"), str(tmp_path / "desi"), "--out", str(tmp_path / "both")]) == 0
    both = list(RecordShards(tmp_path / "both"))
    assert [s.key for s in both] == ["legacy-1", "legacy-2"] and [s.labels["z"] for s in both] == [0.1, 0.2]
    assert all(set(s) == {"tok_image", "tok_flux_g", "catalog", "tok_spectrum_desi", "tok_z"} for s in both)
    out = tmp_path / "both.npz"
    assert main(["embed", str(released), str(tmp_path / "both"), "--out", str(out)]) == 0
    with np.load(out) as found:
        assert len(found["key"]) == 2
