"""A run that is killed again and again, at any instant and in any way, ends as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

TIMES = int(os.environ.get("FOUNDATION_KILLS", "20"))
PATIENCE = 240  # seconds in which whatever is left of a run must have ended, also on a busy machine
SCRIPT = Path(__file__).with_name("to_be_killed.py")


def start(shards, out, workers, ranks, resume, background=0):
    """The tiny run, slowed down, in a process group of its own; what it says goes to `said` in its directory."""
    command = [str(part) for part in (sys.executable, SCRIPT, shards, out, workers, ranks, resume, background)]
    with (out / "said").open("a") as said:
        return subprocess.Popen(command, start_new_session=True, stderr=said, stdout=said)


def finish(process, seconds):
    """Exit status, once the process and all of its group are gone."""
    status = process.wait(timeout=seconds)
    limit = time.monotonic() + seconds
    while alive(process.pid):
        assert time.monotonic() < limit, "a rank is left"
        time.sleep(0.1)
    return status


def alive(group):
    return [p for p in members(group) if p.status() != psutil.STATUS_ZOMBIE]


def members(group):
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def is_rank(process):
    try:
        return SCRIPT.name in " ".join(process.cmdline())
    except psutil.Error:  # gone meanwhile
        return False


def strike(process, how, rng, out):
    """Wait for a step more, and a moment more; then kill."""
    record = out / "batches-0.jsonl"
    before = record.read_text().count("\n") if record.exists() else 0
    limit = time.monotonic() + 150
    while (record.read_text().count("\n") if record.exists() else 0) <= before:
        if process.poll() is not None:
            return
        assert time.monotonic() < limit, (out / "said").read_text()[-2000:]
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.4))
    ranks = [p for p in members(process.pid) if is_rank(p)]
    if how == "all":
        os.killpg(process.pid, signal.SIGKILL)
    elif how == "one":
        rng.choice(ranks).kill()
    else:
        process.terminate()


@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "workers", "background"), [(1, 0, 1), (1, 2, 0), (2, 0, 0), (2, 2, 1)])
def test_any_instant(ranks, workers, background, assert_same_run, token_shards, tmp_path):
    rng = random.Random(10 * ranks + workers)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for out in (whole, broken):
        out.mkdir()
    assert finish(start(token_shards, whole, workers, ranks, "new"), 300) == 0
    kills = 0
    for _ in range(TIMES):
        how = rng.choice(["all", "one", "term"])
        process = start(token_shards, broken, workers, ranks, "auto", background)
        strike(process, how, rng, broken)
        status = finish(process, PATIENCE)
        kills += status != 0
        assert status != 0 or (broken / "export").exists()
        if (broken / "export").exists():
            break
    assert finish(start(token_shards, broken, workers, ranks, "auto", background), 300) == 0
    assert_same_run(broken, whole, ranks)
    print(f"{ranks} ranks, {workers} workers, saved in the background {background}: {kills} kills")
