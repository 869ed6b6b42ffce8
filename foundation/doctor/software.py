"""software: versions of Python and of what the package needs, and which ways to train they allow."""

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

import torch
from packaging.requirements import Requirement
from torch import distributed

from foundation.doctor.finding import Finding
from foundation.extras import PACKAGE


def software() -> Iterator[Finding]:
    """Every dependency against what the package declares, then backends of communication and ZeRO."""
    yield Finding("Python", "good", sys.version.split()[0])
    for requirement in _requirements():
        yield _installed(requirement)
    yield _communication()
    yield _optional("deepspeed", "strategies zero1, zero2 and zero3")


def _requirements() -> list[Requirement]:
    """Those without which nothing works."""
    try:
        declared = [Requirement(line) for line in requires(PACKAGE) or ()]
    except PackageNotFoundError:  # run from a copy that was never installed
        return []
    return [r for r in declared if r.marker is None or r.marker.evaluate({"extra": ""})]


def _installed(requirement: Requirement) -> Finding:
    wanted = f"pip install '{requirement.name}{requirement.specifier}'"
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return Finding(requirement.name, "bad", "not installed", f"Type `{wanted}`.")
    if not requirement.specifier.contains(found, prereleases=True):
        return Finding(requirement.name, "bad", f"{found}, wanted {requirement.specifier}", f"Type `{wanted}`.")
    return Finding(requirement.name, "good", found)


def _communication() -> Finding:
    there = [name for name in ("nccl", "gloo") if getattr(distributed, f"is_{name}_available")()]
    if torch.cuda.is_available() and "nccl" not in there:
        return Finding("communication", "bad", f"GPUs, but only {', '.join(there)}", "Install a torch built with NCCL.")
    if not there:
        return Finding("communication", "bad", "neither NCCL nor gloo", "Install a torch built with distributed.")
    return Finding("communication", "good", ", ".join(there))


def _optional(name: str, what_for: str) -> Finding:
    try:
        return Finding(name, "good", version(name))
    except PackageNotFoundError:
        return Finding(name, "look", f"not installed; {what_for} need it", f"Type `pip install '{PACKAGE}[{name}]'`.")
