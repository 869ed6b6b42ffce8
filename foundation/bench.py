"""Bench: speed and size as ratios of two ways to do one thing, measured side by side on one thread.

Clocks of a shared machine drift, so the two ways take turns A B B A and only the ratio of their medians is reported.
`noise` is the ratio of the first to the second A of each turn: what the same code differs from itself.
"""

import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from statistics import median

from foundation.errors import FoundationError

BENCHMARKS: dict[str, str] = {  # name -> function without arguments that returns rows
    "attention": "foundation.kernels.attention.benchmark:packed_vs_padded",
    "shards": "foundation.data.benchmark:chunked_vs_single",
}


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        name: what was done.
        a: how the usual way did, in `unit`.
        b: how ours did.
        ratio: b / a; for a rate, larger than 1 means ours is faster.
        unit: of a and b.
        noise: median ratio of the usual way to itself.
    """

    name: str
    a: float
    b: float
    ratio: float
    unit: str
    noise: float = 1.0


def bench(name: str = "all", out: Path | None = None) -> None:
    """Measure speed and size side by side and print the ratios.

    Example:
        foundation bench --name shards --out bench.json

    Args:
        name: one benchmark, or "all".
        out: a JSON file for the rows.
    """
    from rich.console import Console
    from rich.table import Table

    if name not in ("all", *BENCHMARKS):
        raise FoundationError(f"no benchmark {name!r}; there are all, {', '.join(BENCHMARKS)}.")
    rows = {n: _run(home) for n, home in BENCHMARKS.items() if name in ("all", n)}
    table = Table("what", "usual", "ours", "unit", "ratio", "noise")
    for row in (r for some in rows.values() for r in some):
        table.add_row(row.name, f"{row.a:,.4g}", f"{row.b:,.4g}", row.unit, f"{row.ratio:.3g}x", f"{row.noise:.2f}")
    Console().print(table)
    if out is not None:
        _save(rows, out)


def side_by_side(
    name: str, usual: Callable[[], object], ours: Callable[[], object], amount: float, unit: str, turns: int = 7
) -> Row:
    """Time two functions in turns A B B A.

    Args:
        name: what they do.
        usual: A.
        ours: B; called once before the clock starts, as is A.
        amount: what one call does, counted in the unit's numerator ("samples/s": samples).
        unit: of amount per second.
        turns: of A B B A.
    """
    usual(), ours()
    times: dict[str, list[float]] = {"a": [], "b": [], "a again": [], "b again": []}
    for _ in range(turns):
        for which, function in (("a", usual), ("b", ours), ("b again", ours), ("a again", usual)):
            start = time.perf_counter()
            function()
            times[which].append(time.perf_counter() - start)
    a, b = (amount / median(times[w] + times[f"{w} again"]) for w in "ab")
    noise = median(first / second for first, second in zip(times["a"], times["a again"], strict=True))
    return Row(name, a, b, b / a, unit, noise)


def _run(home: str) -> list[Row]:
    import torch

    module, function = home.split(":")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads on a shared machine turn a ratio into chance
    try:
        return getattr(import_module(module), function)()
    finally:
        torch.set_num_threads(threads)


def _save(rows: dict[str, list[Row]], out: Path) -> None:
    from foundation import __version__
    from foundation.files import whole_file

    content = {
        "version": __version__,
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()} {platform.system()}, Python {platform.python_version()}",
        "rows": {name: [asdict(r) for r in some] for name, some in rows.items()},
    }
    with whole_file(out) as path:
        path.write_text(json.dumps(content, indent=1) + "\n")
