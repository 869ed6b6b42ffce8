"""Run by test_resume.py, which kills it: the tiny run of conftest.py, slowed down so that there is time to."""

import sys
import time
from pathlib import Path

import torch
from conftest import Recorder, train_tiny

if __name__ == "__main__":
    torch.set_num_threads(1)
    record = Recorder.on_train_batch_end
    Recorder.on_train_batch_end = lambda self, *args: (record(self, *args), time.sleep(0.05))
    train_tiny(Path(sys.argv[1]), Path(sys.argv[2]), workers=int(sys.argv[3]))
