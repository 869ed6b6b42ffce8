"""check_resumable: whether a saved position in the data means the same batches to this run."""

from collections.abc import Mapping
from typing import Any

from foundation.errors import FoundationError


def check_resumable(saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Compare what a position refers to.

    Args:
        saved: with the position.
        own: of this run; other names in `saved` do not matter.

    Raises:
        FoundationError: they differ.
    """
    for name, value in own.items():
        if saved.get(name) != value:
            raise FoundationError(
                f"The checkpoint was made with {name} {saved.get(name)}, this run has {value}; the batches would "
                f"differ. Resume with the same {name}, or start a new run from its weights."
            )
