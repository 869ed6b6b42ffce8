"""Bench: speed and size as ratios of two ways to do one thing, measured side by side on one thread.

Clocks of a shared machine drift, so the two ways take turns A B B A and only the ratio of their medians is reported.
`noise` is the ratio of the first to the second A of each turn: what the same code differs from itself.
"""

import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import median
from types import ModuleType

from foundation.errors import FoundationError

BENCHMARKS: dict[str, str] = {  # name -> function without arguments that returns rows
    "aion": "foundation.interop.benchmark.rows:aion_vs_released",
    "roar": "foundation.interop.benchmark.rows:generation_vs_released",
    "attention": "foundation.kernels.attention.benchmark.rows:table",
    "convolution": "foundation.kernels.convolution.benchmark:fourier_vs_direct",
    "decode": "foundation.kernels.decode.benchmark:cached_vs_whole",
    "loss": "foundation.kernels.loss.benchmark:chunked_vs_whole",
    "products": "foundation.kernels.products.benchmark:laid_out_vs_plain",
    "prologue": "foundation.kernels.prologue.benchmark:fused_vs_eager",
    "design": "foundation.model.anchored.benchmark:design_vs_published",
    "balance": "foundation.data.balance.benchmark:rows",
    "fields": "foundation.data.fields.benchmark:windows_vs_the_well",
    "plan": "foundation.plan.benchmark:predicted_vs_taken",
    "shards": "foundation.data.benchmark:chunked_vs_single",
    "short": "foundation.kernels.short.benchmark:short_vs_fused",
    "packed": "foundation.model.spectra.benchmark:packed_vs_padded",
    "spectra": "foundation.data.formats.benchmark:read_vs_specutils",
    "tracks": "foundation.model.tracks.benchmark:packed_vs_dense_mask",
    "walrus": "foundation.model.fields.benchmark:fields_vs_ordinary",
}


WIDTH = 140  # of the printed table, at least, also where it is written to a file


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
        floor: b over the rate that the machine's arithmetic and memory allow, measured in the same run; None = unknown.
    """

    name: str
    a: float
    b: float
    ratio: float
    unit: str
    noise: float = 1.0
    floor: float | None = None


def bench(names: Sequence[str] = (), *, out: Path | None = None, threads: int = 1) -> None:
    """Measure speed and size side by side and print the ratios.

    Example:
        foundation bench attention shards --out bench.json

    Args:
        names: of the benchmarks; none = all of them.
        out: a JSON file for the rows.
        threads: of both sides; on a machine that others use too, two turn a ratio into chance.

    Raises:
        FoundationError: there is no such benchmark, or no thread.
    """
    from rich.console import Console
    from rich.table import Table

    if unknown := [n for n in names if n not in BENCHMARKS]:
        raise FoundationError(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}.")
    if threads < 1:
        raise FoundationError(f"{threads} threads. Give 1 or more.")
    rows = {n: _run(home, threads) for n, home in BENCHMARKS.items() if not names or n in names}
    table = Table("what", "usual", "ours", "unit", "ratio", "noise", "of floor")
    for row in (r for some in rows.values() for r in some):
        numbers = f"{row.a:,.4g}", f"{row.b:,.4g}", row.unit, f"{row.ratio:.3g}x", f"{row.noise:.2f}"
        table.add_row(row.name, *numbers, "" if row.floor is None else f"{row.floor:.0%}")
    Console(width=max(Console().width, WIDTH)).print(table)
    if out is not None:
        _save(rows, threads, out)


def side_by_side(
    name: str,
    usual: Callable[[], object],
    ours: Callable[[], object],
    amount: float,
    unit: str,
    turns: int = 7,
    wait: Callable[[], object] = lambda: None,
) -> Row:
    """Time two functions in turns A B B A.

    Args:
        name: what they do.
        usual: A.
        ours: B; called once before the clock starts, as is A.
        amount: what one call does, counted in the unit's numerator ("samples/s": samples).
        unit: of amount per second.
        turns: of A B B A.
        wait: called before each look at the clock, for a device that works on after a call has returned.
    """
    usual(), ours()
    wait()
    times: dict[str, list[float]] = {"a": [], "b": [], "a again": [], "b again": []}
    for _ in range(turns):
        for which, function in (("a", usual), ("b", ours), ("b again", ours), ("a again", usual)):
            start = time.perf_counter()
            function()
            wait()
            times[which].append(time.perf_counter() - start)
    a, b = (amount / median(times[w] + times[f"{w} again"]) for w in "ab")
    noise = median(first / second for first, second in zip(times["a"], times["a again"], strict=True))
    return Row(name, a, b, b / a, unit, noise)


def bytes_compared(name: str, usual: Callable[[], object], ours: Callable[[], object]) -> Row:
    """The most memory that each of two functions holds at a time, as its allocator counts."""
    a, b = peak_bytes(usual), peak_bytes(ours)
    return Row(name, a, b, b / a, "bytes at the peak")


def peak_bytes(function: Callable[[], object]) -> int:
    """The most bytes of CPU tensors that `function` holds at a time, beside what existed before."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        function()
    held = most = 0
    for event in recorded.profiler.kineto_results.events():  # pyright: ignore[reportOptionalMemberAccess]
        if event.name() == "[memory]":
            held += event.nbytes()  # pyright: ignore[reportAttributeAccessIssue] - its stub lacks it
            most = max(most, held)
    return most


def slow_reading(name: str) -> ModuleType:
    """A module below tests/ that a benchmark compares with, such as "model/fields/slow_walrus.py".

    Raises:
        FoundationError: there are no tests, because the package was installed without them.
    """
    path = Path(__file__).resolve().parents[1] / "tests" / name
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FoundationError(f"{path} is not there: this benchmark compares with a test. Run it in a checkout.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(home: str, count: int) -> list[Row]:
    import torch

    module, function = home.split(":")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        return getattr(import_module(module), function)()
    finally:
        torch.set_num_threads(before)


def _save(rows: dict[str, list[Row]], threads: int, out: Path) -> None:
    from foundation import __version__
    from foundation.files import whole_file

    content = {
        "version": __version__,
        "date": time.strftime("%Y-%m-%d"),
        "threads": threads,
        "machine": f"{platform.machine()} {platform.system()}, Python {platform.python_version()}",
        "rows": {name: [asdict(r) for r in some] for name, some in rows.items()},
    }
    with whole_file(out) as path:
        path.write_text(json.dumps(content, indent=1) + "\n")
