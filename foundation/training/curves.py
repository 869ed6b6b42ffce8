"""Training curves: one row per logged step, written before the step's checkpoint and whole after a resume."""

import csv
from pathlib import Path

import lightning.pytorch as pl
from lightning.fabric.loggers.csv_logs import _ExperimentWriter
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from foundation.files import whole_file

METRICS = "metrics.csv"


class Curves(Callback):
    """Sends the metrics of every `every`-th step, and of every validation, to all loggers.

    Lightning would write them after the checkpoint of the same step; a kill between the two would leave a gap.
    """

    def __init__(self, every: int) -> None:
        self.every = every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Write the row of this optimiser step after its last micro-batch."""
        if completes_step(trainer, batch_idx) and trainer.global_step % self.every == 0:
            _write(trainer, "train/")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the row of this validation."""
        if not trainer.sanity_checking:
            _write(trainer, "validation/")


def completes_step(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether this micro-batch is the last of its optimiser step."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0


def _write(trainer: pl.Trainer, prefix: str) -> None:
    metrics = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith(prefix)}
    for logger in trainer.loggers:
        logger.log_metrics(metrics, trainer.global_step)


class _Continued(ExperimentWriter):
    """Lightning's writer deletes the file of an earlier run and rewrites headers in place; this one does neither."""

    def _check_log_dir_exists(self) -> None:
        self.metrics_keys, _ = _read(Path(self.metrics_file_path))

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        path = Path(self.metrics_file_path)
        _rewrite(path, fieldnames, _read(path)[1])


class MetricsFile(CSVLogger):
    """`metrics.csv` in the run directory, one line per row as it comes; a resumed run goes on with the same file."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, name="", version="", flush_logs_every_n_steps=1)

    @property
    @rank_zero_experiment
    def experiment(self) -> _ExperimentWriter:
        """The writer of the file."""
        if self._experiment is None:
            self._experiment = _Continued(self.log_dir)
        return self._experiment


def forget_after(path: Path, step: int) -> None:
    """Drop from the metrics file at `path` the rows after `step`, and a last row that a kill cut."""
    names, rows = _read(path)
    whole = [row for row in rows if None not in row.values() and (row.get("step") or "").isdigit()]
    if names:
        _rewrite(path, names, [row for row in whole if int(row["step"]) <= step])


def is_validated(path: Path, step: int) -> bool:
    """Whether the metrics file at `path` has a row of a validation after this step."""
    rows = (row for row in _read(path)[1] if row.get("step") == str(step))
    return any(value for row in rows for name, value in row.items() if name.startswith("validation/"))


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    if not path.is_file():
        return [], []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        return list(reader.fieldnames or []), list(reader)


def _rewrite(path: Path, names: list[str], rows: list[dict[str, str]]) -> None:
    with whole_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
