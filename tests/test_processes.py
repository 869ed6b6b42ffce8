"""Processes that belong together end together."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

READER = """
import sys, time
import numpy as np
from torch.utils.data import DataLoader
from foundation.processes import end_with_parent

class Large:
    def __len__(self): return 1000
    def __getitem__(self, i): return np.zeros(10**6)

batches = iter(DataLoader(Large(), None, num_workers=2, collate_fn=list, worker_init_fn=end_with_parent))
next(batches)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot tell a child of its parent's death")
def test_workers_end_with_the_process_that_reads_from_them():
    with subprocess.Popen([sys.executable, "-c", READER], stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
        workers = psutil.Process(reader.pid).children()
        assert len(workers) == 2
        reader.send_signal(signal.SIGKILL)
    limit = time.monotonic() + 30
    while any(w.is_running() and w.status() != psutil.STATUS_ZOMBIE for w in workers):
        assert time.monotonic() < limit, "a worker is left"
        time.sleep(0.05)
