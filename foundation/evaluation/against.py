"""against: other models that stand beside the one in question, each under a name of its own."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from foundation.errors import FoundationError


def others(against: Mapping[str, Path] | None, taken: Iterable[str]) -> dict[str, Path]:
    """Names and places of the other models.

    Args:
        against: these, as a verb takes them.
        taken: names that are rows of the report already.

    Raises:
        FoundationError: one of these.
    """
    if wrong := sorted(set(taken) & set(against or {})):
        raise FoundationError(f"--against names a model {wrong[0]!r}, which is a row already. Give it another name.")
    return dict(against or {})
