"""metrics.csv goes on after a resume, whole and each step once."""

import csv
from unittest import mock

import lightning.pytorch as pl

from foundation.training.curves import Curves, MetricsFile, forget_after


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(directory, metrics):
    logger = MetricsFile(directory)
    for step, values in metrics:
        logger.log_metrics(values, step)


def test_every_row_is_on_disk_at_once_and_exact(tmp_path):
    write(tmp_path, [(1, {"loss": 0.1 + 0.2})])
    assert [(r["step"], float(r["loss"])) for r in rows(tmp_path / "metrics.csv")] == [("1", 0.1 + 0.2)]


def test_second_writer_goes_on_with_the_file(tmp_path):
    write(tmp_path, [(1, {"loss": 3.0}), (2, {"loss": 2.0})])
    write(tmp_path, [(3, {"loss": 1.0}), (3, {"validation": 5.0})])
    found = rows(tmp_path / "metrics.csv")
    assert [r["step"] for r in found] == ["1", "2", "3", "3"]
    assert [r["loss"] for r in found] == ["3.0", "2.0", "1.0", ""]
    assert [r["validation"] for r in found] == ["", "", "", "5.0"]


def test_rows_after_the_checkpoint_are_forgotten(tmp_path):
    write(tmp_path, [(i, {"loss": float(i)}) for i in range(1, 8)])
    path = tmp_path / "metrics.csv"
    with path.open("a") as file:
        file.write("3")  # cut by a kill before its second column
    forget_after(path, 5)
    assert [r["step"] for r in rows(path)] == ["1", "2", "3", "4", "5"]


def test_file_without_a_whole_header_is_no_obstacle(tmp_path):
    (tmp_path / "metrics.csv").write_text("")
    forget_after(tmp_path / "metrics.csv", 5)
    write(tmp_path, [(1, {"loss": 1.0})])
    assert [r["loss"] for r in rows(tmp_path / "metrics.csv")] == ["1.0"]
    forget_after(tmp_path / "absent.csv", 5)
    assert not (tmp_path / "absent.csv").exists()


def stopped(step, accumulate, loggers, **metrics):
    """What Curves reads of a trainer, and the module."""
    trainer = mock.MagicMock(spec=pl.Trainer)
    trainer.global_step, trainer.accumulate_grad_batches, trainer.loggers = step, accumulate, loggers
    trainer.callback_metrics = {f"train/{k}": v for k, v in metrics.items()} | {"other": 1.0}
    return trainer, mock.MagicMock(spec=pl.LightningModule), None, None


class Seen:
    def __init__(self):
        self.rows = []

    def log_metrics(self, metrics, step):
        self.rows.append((step, metrics))


def test_row_is_written_after_the_last_micro_batch_of_every_nth_step():
    seen, curves = Seen(), Curves(every=2)
    for batch_idx in range(12):  # three micro-batches a step; the step counter moves at the last
        curves.on_train_batch_end(*stopped((batch_idx + 1) // 3, 3, [seen], loss=2.5), batch_idx)
    assert seen.rows == [(2, {"train/loss": 2.5}), (4, {"train/loss": 2.5})]
