"""Run by tests that kill it: the tiny run of conftest.py, slowed down so that there is time to.

Arguments: shards, run directory, loader workers, processes, "auto" to resume or "new", and 1 to save in the
background or 0.
"""

import sys
import time
from pathlib import Path

import torch
from conftest import Recorder, train_tiny

if __name__ == "__main__":
    torch.set_num_threads(1)
    record = Recorder.on_train_batch_end
    Recorder.on_train_batch_end = lambda self, *args: (record(self, *args), time.sleep(0.05))
    save = torch.save
    torch.save = lambda *args: (save(*args), time.sleep(0.1))
    shards, out, workers, devices, resume, background = sys.argv[1:]
    train_tiny(
        Path(shards),
        Path(out),
        int(workers),
        resume="auto" if resume == "auto" else None,
        devices=int(devices),
        save_in_background=bool(int(background)),
    )
