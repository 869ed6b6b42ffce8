"""The `quickstart` verb: run a list of foundation commands one after another, as a user would type them."""

import shlex
import subprocess
import sys
import time
from pathlib import Path

from foundation.errors import FoundationError


def quickstart(steps: list[str], out: Path = Path("runs/quickstart")) -> None:
    """From nothing to a trained multimodal encoder and its report, by the commands a user would type.

    Every step is printed before it runs, so that the run can be repeated, stopped or changed at any step by hand. Each
    is a process of its own, which may start others.

    Example:
        foundation quickstart --config configs/quickstart.yaml

    Args:
        steps: commands without the leading word `foundation`; {out} stands for the directory `out`.
        out: directory of the run; report.html is written there by the last step.

    Raises:
        FoundationError: a step failed; the message says which.
    """
    start = time.monotonic()
    for number, step in enumerate(steps, 1):
        _run(step.format(out=out), f"step {number} of {len(steps)}")
    report = out / "report.html"
    print(f"\ndone in {(time.monotonic() - start) / 60:.1f} minutes")
    if report.exists():
        print(f"report: {report.resolve()}")


def _run(command: str, title: str) -> None:
    print(f"\n[{title}] foundation {command}", file=sys.stderr, flush=True)
    start = time.monotonic()
    if subprocess.run([sys.executable, "-m", "foundation", *shlex.split(command)], check=False).returncode:
        raise FoundationError(f"{title} failed; mend what it says above and type it again: foundation {command}")
    print(f"[{title}] {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
