"""Run by test_imbalance.py on two processes: three steps of two micro-batches, whose forward passes last as told.

Those of rank 0 take 10, 20 and 30 seconds on a clock that is moved by hand, those of rank 1 30, 20 and 10; the third
step is logged.
"""

import sys
from types import SimpleNamespace

import torch
from torch import distributed

from foundation.training import imbalance


def main(directory, rank):
    distributed.init_process_group("gloo", init_method=f"file://{directory}/meet", rank=rank, world_size=2)
    found = {}
    module = SimpleNamespace(device=torch.device("cpu"), log=lambda name, value, **_: found.update({name: value}))
    trainer = SimpleNamespace(world_size=2, accumulate_grad_batches=2, global_step=0)
    clock, now = imbalance.Imbalance(every=3), SimpleNamespace(seconds=0.0)
    imbalance.time = SimpleNamespace(perf_counter=lambda: now.seconds)
    clock.on_train_start(trainer, module)
    for step, seconds in enumerate(((10, 20, 30), (30, 20, 10))[rank]):
        for micro in range(2):
            clock.on_train_batch_start(trainer, module, None, micro)
            now.seconds += seconds
            clock.on_before_backward(trainer, module, torch.zeros(()))
            trainer.global_step = step + micro  # Lightning counts a step once it is done
            clock.on_train_batch_end(trainer, module, None, None, 2 * step + micro)
    print(float(found["train/imbalance"]))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
