"""Writing shards: all or nothing if the reader fails, the process is killed or the disk is full; memory stays flat."""

import itertools
import os
import signal
import subprocess
import time
import tracemalloc

import numpy as np
import pytest

from foundation.data.records import Sample, Scalar, Spectrum
from foundation.data.shards import RecordShards, ShardError, write_records
from foundation.errors import FoundationError

WAVELENGTH = np.arange(4000.0, 4200.0)


def record_sample(i):
    rng = np.random.default_rng(i)
    n = len(WAVELENGTH)
    spectrum = Spectrum(rng.normal(size=n), WAVELENGTH, rng.random(n))
    return Sample(f"object-{i}", {"spectrum_sdss": spectrum, "redshift": Scalar(rng.random(), "redshift")}, {"z": 0.5})


def test_nothing_is_left_of_a_writer_that_failed(tmp_path):
    def failing():
        yield from map(record_sample, range(20))
        raise RuntimeError("the reader died")

    with pytest.raises(RuntimeError, match="the reader died"):
        write_records(failing(), tmp_path / "out", samples_per_member=2)
    with pytest.raises(ShardError, match="no samples to write"):
        write_records([], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_the_old_data_set_whole(tmp_path):
    out = tmp_path / "out"
    write_records(map(record_sample, range(3)), out)
    child = os.fork()
    if child == 0:
        write_records(map(record_sample, itertools.count()), out, samples_per_member=2, members_per_shard=2)
    while not any(len(list(p.glob("*.tar"))) > 2 for p in tmp_path.iterdir() if p != out):
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    RecordShards(out).verify()
    assert [s.key for s in RecordShards(out)] == ["object-0", "object-1", "object-2"]


def test_a_directory_of_other_files_is_not_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ShardError, match="holds other files"):
        write_records([record_sample(0)], tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_full_disk_leaves_nothing(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode
    ):
        pytest.skip("needs the right to mount a small file system")
    try:
        with pytest.raises(FoundationError, match=r"out: the disk is full and nothing was left"):
            write_records(map(record_sample, range(2000)), disk / "out")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def peak_memory(samples, out):
    tracemalloc.start()
    write_records(map(record_sample, range(samples)), out, samples_per_member=8, members_per_shard=4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_of_writing_does_not_grow_with_the_number_of_samples(tmp_path):
    peak_memory(16, tmp_path / "warm")
    small, large = peak_memory(64, tmp_path / "small"), peak_memory(640, tmp_path / "large")
    payload = sum(p.stat().st_size for p in (tmp_path / "large").glob("*.tar"))
    assert large < 1.2 * small + 100_000 and large < payload / 2
