"""Benchmark of plan: memory that training takes on the CPU, beside what was predicted."""

import gc
import multiprocessing
import resource
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from torch.utils.data import DataLoader

from foundation.bench import Row
from foundation.config import DataConfig, ModelConfig, OptimConfig
from foundation.masking import RandomBudget
from foundation.plan import tokens
from foundation.plan.demand import Told, demand
from foundation.plan.job import Job
from foundation.plan.memory import memory
from foundation.training.quiet import quiet
from foundation.training.run import EXPECTED
from foundation.training.trainer import TrainerConfig

STATISTICS = Path("/proc/self/statm")  # of this process, as Linux tells them
QUIET: dict[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


def predicted_vs_taken() -> list[Row]:
    """Two widths of a token model."""
    return [_row(width) for width in (256, 512)]


def token_job(
    width: int,
    depths: tuple[int, int] = (6, 4),
    budget: int = 8192,
    precision: Any = "32-true",  # noqa: ANN401 - one of Lightning's names
    recompute: bool = False,
) -> Job:
    """A token model over images of 60 tokens and redshifts."""
    return tokens.job(
        {
            "model": ModelConfig(width=width, depth=depths[0], decoder_depth=depths[1], heads=width // 32),
            "data": DataConfig("unused", tokens_per_batch=budget),
            "policy": RandomBudget(40, 20),
            "optim": OptimConfig(),
            "trainer": TrainerConfig(max_steps=3, precision=precision, recompute=recompute),
            "assume": {"image": (100, 60), "redshift": (16, 1)},
            "seed": 0,
        }
    )


def taken(job: Job) -> float:
    """Most bytes of a process while it trains two steps, over what it had after training something small.

    What libraries load when they are first used is thus left out.
    """
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=_train, args=(job, token_job(64, (1, 1), 512), queue))
    process.start()
    process.join()
    return queue.get()


def _train(job: Job, small: Job, queue: Any) -> None:  # noqa: ANN401 - of multiprocessing
    _fit(small)
    gc.collect()
    before = int(STATISTICS.read_text().split()[1]) * resource.getpagesize()
    _fit(job)
    queue.put(1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def _fit(job: Job) -> None:
    with quiet((*EXPECTED, ".*GPU available but not used.*")):
        warnings.simplefilter("ignore")
        trainer = pl.Trainer(max_steps=2, accelerator="cpu", devices=1, callbacks=[Told()], **QUIET)
        batches = DataLoader([job.batches[0]] * 2, batch_size=None)  # pyright: ignore[reportArgumentType] - a data set
        trainer.fit(job.build(job.model), batches)


def _row(width: int) -> Row:
    job = token_job(width)
    predicted = memory(demand(job), "ddp", 1)
    a, b = predicted.states + predicted.activations, taken(job)
    return Row(f"memory of training, width {width}: taken, over predicted", a / 1e9, b / 1e9, b / a, "GB")
