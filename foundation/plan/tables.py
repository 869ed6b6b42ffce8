"""tables: a plan in words and numbers, for a terminal or in Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from foundation.plan.cluster import Cluster
from foundation.plan.demand import Demand
from foundation.plan.forecast import Forecast
from foundation.plan.job import Job
from foundation.plan.memory import STRATEGIES, Memory, memory

GB = 1e9
WIDTH = 150  # of a printed table, at least, also where it is written to a file


@dataclass(frozen=True)
class Plate:
    """A table with its title."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def show(self, markdown: bool) -> None:
        """Print it."""
        if markdown:
            lines = [self.head, ["---"] * len(self.head), *self.rows]
            print(f"\n{self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines))
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(*self.head, title=self.title)
        for row in self.rows:
            table.add_row(*row)
        Console(width=max(Console().width, WIDTH)).print(table)


def plates(job: Job, demand: Demand, cluster: Cluster, rows: Sequence[Forecast], gpus: int) -> Iterator[Plate]:
    """What is counted, what is assumed, memory by strategy on so many GPUs, and time by number of GPUs."""
    yield Plate("Counted", ("what", "value", "how"), tuple(_counted(job, demand)))
    yield Plate("Assumed", ("what", "value", "source"), tuple(_assumed(cluster, job)))
    yield Plate(
        f"Memory of each of {gpus} GPUs, GB",
        ("strategy", "states", "gathered", "activations", "with libraries", f"fits {cluster.memory / GB:.0f} GB"),
        tuple(_memory(s, memory(demand, s, gpus), cluster) for s in STRATEGIES),
    )
    head = ("strategy", "GPUs", "memory", "compute", "travel", "step", "MFU", "tokens a step", "operations")
    yield Plate(
        f"{job.trainer.max_steps:,} steps, predicted",
        (*head, "hours", "GPU hours", "samples/s a GPU", "MB/s a GPU"),
        tuple(map(_row, rows)),
    )


def _counted(job: Job, d: Demand) -> Iterator[tuple[str, str, str]]:
    meta, batches = "built on the meta device", f"{len(job.batches)} micro-batches; {job.source}"
    yield "parameters", f"{d.parameters:,}", meta
    yield "of the largest block", f"{d.block:,}", meta
    yield "tokens of a micro-batch", f"{d.tokens:,.0f}", batches
    yield "samples of a micro-batch", f"{d.samples:,.1f}", "the same"
    yield "useful operations of a micro-batch", f"{d.flops:.3g}", "forward and backward, valid tokens and visible pairs"
    yield "operations a token", f"{d.flops / d.tokens:.3g}", "the same"
    yield "activations of a micro-batch", f"{d.activations / GB:.2f} GB", "one step of shallow copies on this machine"


def _assumed(c: Cluster, job: Job) -> Iterator[tuple[str, str, str]]:
    sheet, guess = "data sheet", "assumption"
    yield f"peak in {job.trainer.precision}", f"{c.peak(job.trainer.precision) / 1e12:.0f} TFLOP/s", sheet
    yield "memory of a GPU", f"{c.memory / GB:.0f} GB", sheet
    yield f"link inside {c.gpus_per_node} GPUs", f"{c.inside / GB:.0f} GB/s each way", sheet
    yield "link between nodes, each GPU", f"{c.between / GB:.0f} GB/s", sheet
    yield "MFU before communication", f"{c.mfu:.0%}", guess
    yield "share of a link that collectives reach", f"{c.link:.0%}", guess
    yield "share of the backward pass that hides them", f"{c.overlap:.0%}", guess


def _memory(strategy: str, m: Memory, cluster: Cluster) -> tuple[str, ...]:
    numbers = (m.states, m.gathered, m.activations, m.total)
    return (strategy, *(f"{n / GB:.1f}" for n in numbers), "yes" if m.total <= cluster.memory else "no")


def _row(f: Forecast) -> tuple[str, ...]:
    memory = f"{f.memory / GB:.0f} GB" + ("" if f.fits else ", too much")
    times = (f"{1e3 * t:.0f} ms" for t in (f.compute, f.travel, f.step))
    run = (f"{f.mfu:.1%}", f"{f.tokens:,.0f}", f"{f.flops:.2g}", f"{f.hours:,.1f}", f"{f.hours * f.gpus:,.0f}")
    return (
        f.strategy,
        str(f.gpus),
        memory,
        *times,
        *run,
        f"{f.samples_per_second:,.1f}",
        f"{f.bytes_per_second / 1e6:,.1f}",
    )
