"""Two hosts, as two network namespaces joined by a cable: they train together, notice a cut, and go on after it."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("tiny.py")
PATIENCE = 20  # seconds after which a host gives up the other
GONE = "another rank has ended or did not answer"
pytestmark = pytest.mark.slow


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def hosts():
    """Names of two namespaces, 10.77.0.1 and 10.77.0.2, joined by a cable whose ends are called eth0."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("namespaces want root and iproute2")
    pytest.importorskip("deepspeed")
    names = [f"foundation{os.getpid()}{end}" for end in "ab"]
    for name in names:
        ip("netns", "add", name)
    ip("link", "add", "eth0", "netns", names[0], "type", "veth", "peer", "name", "eth0", "netns", names[1])
    for number, name in enumerate(names, 1):
        ip("-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
        for link in ("eth0", "lo"):
            ip("-n", name, "link", "set", link, "up")
    yield names
    for name in names:
        inside = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()
        subprocess.run(["kill", "-9", *inside], capture_output=True)
        ip("netns", "del", name)


def start(host, number, shards, out, restarts=0):
    launch = [
        "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", "--max-restarts", str(restarts),
        "--rdzv-backend", "c10d", "--rdzv-endpoint", "10.77.0.1:29511", "--local-addr", f"10.77.0.{number}",
        "--rdzv-conf", f"is_host={int(number == 1)},read_timeout=60,join_timeout=300",
    ]  # fmt: skip
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "eth0", "TP_SOCKET_IFNAME": "eth0"}
    command = ["ip", "netns", "exec", host, sys.executable, *launch, SCRIPT, shards, out, "zero2", PATIENCE]
    with (out / f"said-{number}").open("a") as said:
        return subprocess.Popen([str(part) for part in command], env=environment, stdout=said, stderr=said)


def wait_for_steps(out, count, processes):
    record, limit = out / "batches-0.jsonl", time.monotonic() + 400
    while not record.exists() or record.read_text().count("\n") < count:
        assert time.monotonic() < limit and all(p.poll() is None for p in processes), said(out)
        time.sleep(0.05)


def said(out):
    return "\n".join((out / f"said-{number}").read_text()[-1500:] for number in (1, 2))


def test_a_cut_cable_is_noticed_on_both_sides_and_the_run_goes_on(hosts, token_shards, tmp_path):
    running = [start(host, number, token_shards, tmp_path) for number, host in enumerate(hosts, 1)]
    wait_for_steps(tmp_path, 6, running)
    ip("-n", hosts[1], "link", "set", "eth0", "down")
    begun = time.monotonic()
    while any(GONE not in (tmp_path / f"said-{number}").read_text() for number in (1, 2)):
        assert time.monotonic() < begun + 5 * PATIENCE, said(tmp_path)
        time.sleep(0.1)
    print(f"both sides say so {time.monotonic() - begun:.0f} s after the cut, with a patience of {PATIENCE} s")
    for process in running:  # torchrun itself waits much longer for the host that it cannot reach
        process.kill()
        process.wait()
    ip("-n", hosts[1], "link", "set", "eth0", "up")
    running = [start(host, number, token_shards, tmp_path) for number, host in enumerate(hosts, 1)]
    assert [process.wait(timeout=400) for process in running] == [0, 0], said(tmp_path)
    assert (tmp_path / "export").exists()


def test_a_rank_that_is_killed_is_restarted(hosts, token_shards, tmp_path):
    running = [start(host, number, token_shards, tmp_path, restarts=3) for number, host in enumerate(hosts, 1)]
    wait_for_steps(tmp_path, 6, running)
    inside = subprocess.run(["ip", "netns", "pids", hosts[1]], capture_output=True, text=True, check=True).stdout
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in inside.split()}
    workers = [pid for pid, words in commands.items() if SCRIPT.name in words and "torch.distributed.run" not in words]
    subprocess.run(["kill", "-9", *workers], check=True)
    assert [process.wait(timeout=400) for process in running] == [0, 0], said(tmp_path)
    assert (tmp_path / "export").exists()
