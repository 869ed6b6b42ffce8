"""Rates against a clock that is moved by hand."""

from types import SimpleNamespace
from unittest import mock

import lightning.pytorch as pl
import psutil
import pytest
import torch

from foundation.batch import pack
from foundation.tokens import Space, Tokens
from foundation.training import throughput
from foundation.training.module import PretrainingModule
from foundation.training.throughput import DataWait, Throughput, Work, peak_memory

SPACES = (Space("code", "discrete", 5),)


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: now.seconds)
    return now


@pytest.fixture
def batch():
    tokens = Tokens.of_space(SPACES[0], torch.arange(5))
    return pack([(tokens, torch.tensor([0, 0, 0, 1, 1])), (tokens, torch.tensor([0, 1, -1, -1, -1]))], SPACES)


def test_rates_leave_out_validation_and_tell_the_wait_for_data(clock, batch):
    wait = DataWait()
    monitor = Throughput(every=2, wait=wait)
    trainer, module = mock.MagicMock(spec=pl.Trainer), mock.MagicMock(spec=PretrainingModule)
    trainer.world_size, trainer.accumulate_grad_batches, trainer.precision = 3, 1, "32-true"
    module.device, module.work.return_value = torch.device("cpu"), Work(len(batch), batch.documents, 1000.0)
    monitor.on_train_start(trainer, module)
    for step in (1, 2):
        wait.start("[_TrainingEpochLoop].train_dataloader_next")
        clock.seconds += 0.5
        wait.stop("[_TrainingEpochLoop].train_dataloader_next")
        wait.start("run_training_batch")
        clock.seconds += 1.5
        wait.stop("run_training_batch")
        if step == 1:
            monitor.on_validation_start(trainer, module)
            clock.seconds += 60
            monitor.on_validation_end(trainer, module)
        trainer.global_step = step
        monitor.on_train_batch_end(trainer, module, None, batch, step - 1)
    (found,), _ = module.log_dict.call_args
    assert module.log_dict.call_count == 1
    assert found["train/tokens_per_second"] == pytest.approx(2 * 7 * 3 / 4)  # 5 + 2 elements, 3 ranks, 4 s
    assert found["train/samples_per_second"] == pytest.approx(2 * 2 * 3 / 4)
    assert found["train/flops_per_second"] == pytest.approx(2 * 1000 / 4)  # of one rank
    assert found["train/data_wait"] == pytest.approx(1 / 4)
    assert "train/mfu" not in found  # nobody states the peak of a CPU


def test_peak_memory_is_in_bytes():
    now = psutil.Process().memory_info().rss
    assert now <= 1.01 * peak_memory(torch.device("cpu")) < 100 * now
