"""The `quickstart` verb: run a list of foundation commands one after another, as a user would type them."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from foundation.errors import FoundationError
from foundation.processes import processors


def quickstart(steps: list[str | list[str]], out: Path = Path("runs/quickstart")) -> None:
    """From nothing to a trained multimodal encoder and its report, by the commands a user would type.

    Every step is printed before it runs, so that the run can be repeated, stopped or changed at any step by hand. Each
    is a process of its own, which may start others.

    Example:
        foundation quickstart --config configs/quickstart.yaml

    Args:
        steps: commands without the leading word `foundation`; {out} stands for the directory `out`. A list of commands
            is one step in which they run side by side and share the processors.
        out: directory of the run; report.html is written there by the last step.

    Raises:
        FoundationError: a step failed; the message says which.
    """
    start = time.monotonic()
    for number, step in enumerate(steps, 1):
        together = [step] if isinstance(step, str) else step
        _run([command.format(out=out) for command in together], f"step {number} of {len(steps)}")
    report = out / "report.html"
    print(f"\ndone in {(time.monotonic() - start) / 60:.1f} minutes")
    if report.exists():
        print(f"report: {report.resolve()}")


def _run(commands: Sequence[str], title: str) -> None:
    """All of them at once; what one has done is kept though another fails."""
    for command in commands:
        print(f"\n[{title}] foundation {command}", file=sys.stderr, flush=True)
    start = time.monotonic()
    with ExitStack() as stack:
        running = [stack.enter_context(_started(command, len(commands))) for command in commands]
        failed = [command for command, process in zip(commands, running, strict=True) if process.wait()]
    if failed:
        raise FoundationError(f"{title} failed; mend what it says above and type it again: foundation {failed[0]}")
    print(f"[{title}] {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def _started(command: str, beside: int) -> subprocess.Popen[bytes]:
    """A process of the command, with its share of the processors if it has to share them."""
    share = {"OMP_NUM_THREADS": str(max(1, processors() // beside))} if beside > 1 else {}
    return subprocess.Popen([sys.executable, "-m", "foundation", *shlex.split(command)], env={**share, **os.environ})
