"""Track: what is known of each place along a molecule, as numbers or as categories, with missing places told apart."""

from dataclasses import dataclass

import numpy as np

from foundation.errors import RecordError

UNKNOWN = -1  # the number of no category
MOST = 127  # categories; their numbers are kept as one byte


@dataclass(frozen=True, eq=False)
class Track:
    """One value a place, in reading order: 5' to 3', or N to C terminus. A single place tells of the whole molecule.

    Args:
        values: float32 [n] in `unit`, NaN where not known; or, if there are categories, int8 [n], which of them each
            is, UNKNOWN where not known.
        categories: their names; none for numbers.
        unit: of the numbers; "" if they have none.

    Raises:
        RecordError: no place, more than one axis, infinite numbers, or categories that are none of the named.
    """

    values: np.ndarray
    categories: tuple[str, ...] = ()
    unit: str = ""

    def __post_init__(self) -> None:
        given, categories = np.asarray(self.values), tuple(self.categories)
        if given.ndim != 1 or not given.size:
            raise RecordError(f"Track: values have shape {given.shape}, wanted one axis with at least one place.")
        if len(set(categories)) < len(categories) or len(categories) > MOST:
            raise RecordError(f"Track: {len(categories)} categories. Name {MOST} at most, each once.")
        if categories and (given.dtype.kind not in "iub" or given.min() < UNKNOWN or given.max() >= len(categories)):
            raise RecordError(
                f"Track: {given.dtype} from {given.min()} to {given.max()} number {len(categories)} categories. "
                f"Give whole numbers from 0 to {len(categories) - 1}, or {UNKNOWN} where not known."
            )
        if not categories and np.isinf(given).any():
            raise RecordError(f"Track: {np.isinf(given).sum()} values are infinite. Give NaN where not known.")
        values = np.ascontiguousarray(given, np.int8 if categories else np.float32)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "categories", categories)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def known(self) -> np.ndarray:
        """bool [n]: places that are not missing."""
        return self.values != UNKNOWN if self.categories else ~np.isnan(self.values)
