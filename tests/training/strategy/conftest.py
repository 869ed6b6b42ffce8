"""Data of three tiny systems, and a function that trains one of them in processes of its own."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from foundation.data.fields.record import PERIODIC, Field
from foundation.data.fields.writer import write_well
from foundation.data.records import Sample, Spectrum
from foundation.data.shards import write_records

SCRIPT = Path(__file__).with_name("one_global_batch.py")


def sine(seed):
    """A sine on one of two grids, with noise; the grids differ in length, so batches are ragged."""
    rng = np.random.default_rng(seed)
    n, start = ((64, 4000.0), (120, 8000.0))[seed % 2]
    wavelength = start + 2.0 * np.arange(n)
    flux = 5 + 2 * np.sin(wavelength / 40 + rng.uniform(0, 6)) + 0.3 * rng.normal(size=n)
    return Sample(f"s{seed}", {f"spectrum_{seed % 2}": Spectrum(flux, wavelength, np.full(n, 0.3**-2))}, {})


def moving(name, seed, frames=12):
    """A hump that moves on a ring by one point a frame."""
    phase = np.random.default_rng(seed).random()
    first = np.sin(2 * np.pi * (np.arange(16) / 16 + phase))[:, None] + np.zeros((16, 16))
    values = np.stack([np.roll(first, t, 0) for t in range(frames)])[:, None].astype("f4")
    return Field(values, (name,), (False,), np.ones(2), (PERIODIC,) * 2, np.arange(frames) * 0.1, dataset=name)


@pytest.fixture(scope="session")
def data_of(token_shards, tmp_path_factory):
    """Where the data of each system are."""
    spectra, fields = tmp_path_factory.mktemp("spectra"), tmp_path_factory.mktemp("fields")
    write_records([sine(s) for s in range(24)], spectra / "train", samples_per_member=3)
    for name in ("one", "other"):
        write_well([moving(name, s) for s in range(4)], fields / f"{name}.hdf5")
    return {"tokens": token_shards, "spectra": spectra / "train", "fields": fields}


@pytest.fixture(scope="session")
def losses(data_of, tmp_path_factory):
    """The function losses(system, strategy, processes, micro-batches on each of two ranks, steps): one loss a step."""
    found = {}

    def run(*asked):
        if asked not in found:
            out = tmp_path_factory.mktemp("run")
            command = [sys.executable, SCRIPT, *asked, data_of[asked[0]], out]
            environment = dict(os.environ)
            done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, timeout=500)
            assert done.returncode == 0, done.stderr.decode()[-3000:]
            with (out / "metrics.csv").open(newline="") as file:
                found[asked] = np.array([float(row["train/loss"]) for row in csv.DictReader(file)])
        return found[asked]

    return run
