"""Run under torchrun: the tiny run of conftest.py, slowed down. Arguments: shards, directory, strategy, timeout."""

import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import Recorder, train_tiny

if __name__ == "__main__":
    torch.set_num_threads(1)
    record = Recorder.on_train_batch_end
    Recorder.on_train_batch_end = lambda self, *args: (record(self, *args), time.sleep(0.1))
    shards, out, way, timeout = sys.argv[1:]
    train_tiny(Path(shards), Path(out), resume="auto", devices="auto", strategy=way, timeout=float(timeout))
