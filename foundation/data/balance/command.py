"""The `balance` verb: how much of the ranks' time each policy would leave idle, for a mix of data sets and a world."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from foundation.data.balance.policy import POLICIES
from foundation.data.balance.simulate import Forecast, forecast
from foundation.data.balance.world import World
from foundation.errors import FoundationError
from foundation.files import whole_file


@dataclass(frozen=True)
class Part:
    """One data set of a mix.

    Args:
        cost: time of one of its micro-batches, in any unit, the same for all parts.
        share: how often it is wanted, relative to the others.
    """

    cost: float
    share: float = 1.0


@dataclass(frozen=True)
class Row:
    """What one policy would leave idle.

    Args:
        policy: its name.
        title: what it does.
        group: ranks that share weights.
        utilisation: busy fraction of the ranks' time, with jitter.
        exact: the same if every micro-batch took exactly its cost.
        idle: 1 - utilisation.
        mean, p95: of the imbalance of a step, with jitter: its time over the mean busy time, minus 1.
    """

    policy: str
    title: str
    group: int
    utilisation: float
    exact: float
    idle: float
    mean: float
    p95: float


def balance(
    *,
    mix: dict[str, Part],
    ranks: int = 8,
    group: int = 1,
    accumulate: int = 1,
    jitter: float = 0.05,
    steps: int = 1000,
    seed: int = 0,
    out: Path | None = None,
    picture: Path | None = None,
) -> None:
    """Predict how well each policy keeps all ranks busy on a mix of data sets of unequal cost; nothing is run.

    Example:
        foundation balance --config configs/balance_walrus.yaml --ranks 96 --out balance.json --picture balance.png

    Args:
        mix: name of each data set, with its cost and share.
        ranks: processes that train together.
        group: consecutive ranks that share one copy of the weights and so wait for each other in every micro-step.
        accumulate: micro-steps of an optimiser step.
        jitter: sigma of the log of a micro-batch's time, which no plan can know.
        steps: optimiser steps to simulate.
        seed: of the draws and the jitter.
        out: a JSON file for the numbers.
        picture: a PNG file for the picture.

    Raises:
        FoundationError: a cost or share that is not positive, or ranks that do not divide into groups.
    """
    _check(mix, jitter, steps)
    world = World(ranks, group, accumulate)
    rows, steps_imbalance = _compared(mix, world, jitter, steps, seed)
    _print(rows, world, len(mix), jitter)
    if out is not None:
        options = {"world": asdict(world), "jitter": jitter, "steps": steps, "seed": seed}
        content = {**options, "mix": {n: asdict(p) for n, p in mix.items()}, "rows": [asdict(r) for r in rows]}
        with whole_file(out) as path:
            path.write_text(json.dumps(content, indent=1) + "\n")
    if picture is not None:
        from foundation.data.balance.picture import policies_compared  # matplotlib, which the numbers do not need

        with whole_file(picture) as path:
            path.write_bytes(
                policies_compared({_label(r, world): i for r, i in zip(rows, steps_imbalance, strict=True)})
            )


def _check(mix: Mapping[str, Part], jitter: float, steps: int) -> None:
    for name, part in mix.items():
        if not (part.cost > 0 and np.isfinite(part.cost)):
            raise FoundationError(f"{name} costs {part.cost}; give a positive cost, as in `--mix.{name}.cost 1`.")
    if not mix or steps < 1 or not jitter >= 0:
        raise FoundationError(
            f"Got {len(mix)} data sets, {steps} steps and jitter {jitter}; wanted at least one data set and step, and "
            "no negative jitter. Try `--config configs/balance_walrus.yaml`."
        )


def _compared(
    mix: Mapping[str, Part], world: World, jitter: float, steps: int, seed: int
) -> tuple[list[Row], list[np.ndarray]]:
    """A row for each policy, the first for random draws with all ranks in one group; and the imbalance of each step."""
    costs, shares = (np.array([float(getattr(p, name)) for p in mix.values()]) for name in ("cost", "share"))
    whole = World(world.ranks, world.ranks, world.accumulate)
    cases = [("random", whole)] * (whole != world) + [(name, world) for name in POLICIES]
    rows, found = [], []
    for name, seen in cases:
        noisy, exact = (forecast(POLICIES[name], seen, shares, costs, steps, j, seed) for j in (jitter, 0.0))
        rows.append(_row(name, seen, noisy, exact))
        found.append(noisy.imbalance)
    return rows, found


def _row(name: str, world: World, noisy: Forecast, exact: Forecast) -> Row:
    numbers = noisy.utilisation, exact.utilisation, noisy.idle, float(noisy.imbalance.mean()), noisy.p95
    return Row(name, POLICIES[name].title, world.group, *numbers)


def _label(row: Row, world: World) -> str:
    return row.policy if row.group == world.group else f"{row.policy}, one group"


def _print(rows: list[Row], world: World, sets: int, jitter: float) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"{sets} data sets on {world.ranks} ranks, {world.accumulate} micro-steps a step"
    busy = ("busy, exact costs", f"busy, {jitter:.0%} jitter")
    table = Table("policy", "what it does", "group", *busy, "idle", "imbalance", "p95", title=title)
    for row in rows:
        numbers = (row.exact, row.utilisation, row.idle, row.mean, row.p95)
        table.add_row(row.policy, row.title, str(row.group), *(f"{n:.1%}" for n in numbers))
    Console().print(table)
