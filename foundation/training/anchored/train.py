"""The `train` verb for anchored models: structures of complexes in; a run directory with an exported model out."""

import sys
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.utilities import rank_zero_only

from foundation.config import OptimConfig
from foundation.data.ingest import FAILURES, write_failures
from foundation.errors import FoundationError
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.pretrained import AnchoredModel
from foundation.seeded import seeded
from foundation.training import resolved
from foundation.training.anchored.config import AnchoredObjective, ComplexDataConfig
from foundation.training.anchored.data import AnchoredDataModule
from foundation.training.anchored.module import AnchoredModule
from foundation.training.run import Run
from foundation.training.trainer import TrainerConfig


def train(
    *,
    data: ComplexDataConfig,
    out: Path,
    system: Literal["anchored"] = "anchored",
    model: AnchoredConfig = AnchoredConfig(),  # noqa: B008 - frozen, as are the next three
    objective: AnchoredObjective = AnchoredObjective(),  # noqa: B008
    optim: OptimConfig = OptimConfig(),  # noqa: B008
    trainer: TrainerConfig = TrainerConfig(),  # noqa: B008
    start: Path | None = None,
    seed: int = 0,
    resume: Literal["auto"] | Path | None = None,
) -> None:
    """Train a model that grows sequences before proteins, on structures of complexes.

    Writes into the run directory config.yaml (every option), failures.csv (files that could not be read), metrics.csv,
    tensorboard/, checkpoints/ and, at the end, export/, which `foundation design` and AnchoredModel.from_pretrained
    read. A run that was killed goes on with `--resume auto` exactly as if it had not been.

    A config file that says `system: anchored` does without that word. Two stages: one with `--objective.kind residues`
    on any protein structures, and one on complexes that starts from its export.

    Example:
        foundation train anchored --config configs/design.yaml --data.train complexes/ --out runs/design

    Args:
        data: the structures, and what is shown of them.
        out: run directory.
        system: which training a config file is for.
        model: sizes and parts of the transformer.
        objective: what is asked.
        optim: optimiser and schedule.
        trainer: length of the run, hardware, records.
        start: an exported model to go on from, such as that of the first stage; its sizes must be those of `model`.
        seed: of the initial weights and of what is drawn.
        resume: "auto" goes on from the last whole checkpoint in `out`, if there is one; or a checkpoint file.

    Raises:
        FoundationError: `out` holds another run, or structures or a checkpoint that cannot be used.
    """
    stream = AnchoredDataModule(data, objective, model.factorisation, seed, trainer.max_steps * trainer.accumulate)
    options = {"system": system, "model": model, "data": data, "objective": objective, "optim": optim}
    options |= {"trainer": trainer, "start": start, "seed": seed}
    record: dict[str, Any] = {
        "system": "anchored",
        "config": {name: resolved.plain(value) for name, value in options.items()},
        "data_fingerprint": stream.mix.fingerprint,
    }
    run = Run.opened(out, trainer, record, resume)
    build = partial(_new, model, seed)
    network = run.made(build) if start is None else _begun(start, model)
    with seeded(seed):
        module = AnchoredModule(network, optim, trainer.max_steps, objective, record)
    _tell_failures(stream, out)
    run.train(
        module, stream, None if start else build, of=f"{len(stream.examples.names())} examples",
        validates=stream.checks is not None, begun=start,
    )  # fmt: skip


def _new(config: AnchoredConfig, seed: int) -> AnchoredModel:
    with seeded(seed):
        return AnchoredModel(config)


def _begun(start: Path, config: AnchoredConfig) -> AnchoredModel:
    model = AnchoredModel.from_pretrained(start)
    if model.config != config:
        raise FoundationError(
            f"{start} holds a model of {model.config}, this run asks for {config}. Give the same `--model`."
        )
    return model.train()


@rank_zero_only
def _tell_failures(stream: AnchoredDataModule, out: Path) -> None:
    if failures := stream.outcome.failures:
        write_failures(stream.outcome, out / FAILURES)
        print(
            f"{len(failures)} files could not be read; see {out / FAILURES}. The first: {failures[0][1]}",
            file=sys.stderr,
        )
