"""Data of three tiny systems, and a function that trains one of them in processes of its own."""

import csv
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
    flux = 5 + 2 * np.sin(wavelength / 40 + rng.uniform(0, 6)) + rng.normal(size=n)
    return Sample(f"s{seed}", {f"spectrum_{seed % 2}": Spectrum(flux, wavelength, np.full(n, 1.0))}, {})


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
    """losses(strategy or None, steps, runs): a loss for each step of each run, a system and its micro-batches.

    On two processes, or without a strategy on one.
    """
    found = {}

    def run(way, steps, runs):
        if (way, steps, runs) not in found:
            out = tmp_path_factory.mktemp("runs")
            launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if way else []
            asked = [f"{system},{accumulate},{data_of[system]}" for system, accumulate in runs]
            command = [sys.executable, *launch, str(SCRIPT), way or "auto", str(steps), str(out), *asked]
            done = subprocess.run(command, capture_output=True, text=True, timeout=1000)
            assert done.returncode == 0, done.stderr[-3000:]
            found[way, steps, runs] = {run: losses_of(out / f"{run[0]}-{run[1]}") for run in runs}
        return found[way, steps, runs]

    return run


@pytest.fixture(scope="session")
def column():
    """The function `losses_of`."""
    return losses_of


def losses_of(out):
    with (out / "metrics.csv").open(newline="") as file:
        return np.array([float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]])
