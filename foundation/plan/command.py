"""verb: a `plan` for each kind of training, with that training's options and those of the plan."""

import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from docstring_parser import parse

from foundation.errors import FoundationError
from foundation.files import whole_file
from foundation.plan.cluster import Cluster
from foundation.plan.demand import demand
from foundation.plan.forecast import forecast
from foundation.plan.job import Job
from foundation.plan.memory import STRATEGIES
from foundation.plan.tables import plates

ABOUT = """Say what a run would take before it is run: parameters, memory, operations, hours.

Takes every config and option of the training it plans. Parameters are counted on the meta device and operations in a
few micro-batches of the data; memory is counted in one step of a shallow copy of the model on this machine, and
continued to all its blocks. What GPUs can do, and the share of it that is reached, are assumptions that are printed.

Example:
    foundation plan --config configs/aion_base.yaml --data.train tokens/train --gpus 64
    foundation plan fields --config configs/walrus.yaml --config configs/plans/walrus.yaml --gpus '[8, 96]'
    foundation plan anchored --config configs/design.yaml --gpus 1
    foundation plan spectra --config configs/spectra_small.yaml --gpus 1
    foundation plan tracks --config configs/mimic.yaml --data.train tokens/train --gpus '[8, 64]'

Args:
    out: a JSON file for the numbers.
    gpus: number of GPUs to plan for, or several.
    strategies: to compare; empty = that of the config.
    samples: in a step on all GPUs, which share them; 0 = each GPU gets what the config says.
    cluster: what the machines can do, and what share of it is assumed.
    markdown: print tables in Markdown.
    assume: data to plan with, where there are none yet.
"""
OWN: dict[str, tuple[Any, Any]] = {  # option -> its type and default
    "out": (Path | None, None),
    "gpus": (int | list[int], [1, 8, 64]),
    "strategies": (list[str], []),
    "samples": (float, 0.0),
    "cluster": (Cluster, Cluster()),
    "markdown": (bool, False),
}


def verb(
    train: Callable[..., None],
    job: Callable[[dict[str, Any]], Job],
    assumed: Any = None,  # noqa: ANN401 - a type
    default: Any = None,  # noqa: ANN401 - of that type
) -> Callable[..., None]:
    """The `plan` of a training verb.

    Args:
        train: the function of that verb.
        job: what it would train, from its options.
        assumed: type of the option that stands for data; None = there is none.
        default: of that option.
    """
    own = OWN if assumed is None else OWN | {"assume": (assumed, default)}
    known = {name: p for name, p in inspect.signature(train).parameters.items() if name not in own}
    added = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=d, annotation=a) for n, (a, d) in own.items()]

    def plan(**options: Any) -> None:  # noqa: ANN401 - those of the signature below
        _plan(job(options), **{name: options[name] for name in OWN})

    plan.__signature__ = inspect.Signature([*known.values(), *added])  # pyright: ignore[reportFunctionMemberAccess]
    said = [p for p in parse(inspect.getdoc(train) or "").params if p.arg_name in known]
    plan.__doc__ = ABOUT + "".join(f"    {p.arg_name}: {' '.join((p.description or '').split())}\n" for p in said)
    plan.__module__ = train.__module__
    return plan


def _plan(
    job: Job,
    out: Path | None,
    gpus: int | Sequence[int],
    strategies: Sequence[str],
    samples: float,
    cluster: Cluster,
    markdown: bool,
) -> None:
    gpus = [gpus] if isinstance(gpus, int) else gpus
    if not gpus or min(gpus) < 1 or samples < 0:
        raise FoundationError(f"--gpus {list(gpus)}, --samples {samples:g}: give GPUs, and samples of 0 or more.")
    chosen = list(strategies) or ["ddp" if job.trainer.strategy == "auto" else job.trainer.strategy]
    if unknown := sorted(set(chosen) - set(STRATEGIES)):
        raise FoundationError(f"--strategies {', '.join(unknown)}: there are {', '.join(STRATEGIES)}.")
    needed = demand(job)
    rows = [forecast(needed, job.trainer, cluster, s, n, samples) for s in chosen for n in gpus]
    if out is not None:
        content = {"demand": asdict(needed), "cluster": asdict(cluster), "rows": [asdict(r) for r in rows]}
        with whole_file(out) as path:
            path.write_text(json.dumps(content, indent=1) + "\n")
    for plate in plates(job, needed, cluster, rows, max(gpus)):
        plate.show(markdown)
