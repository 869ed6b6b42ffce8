"""Sources: the galaxies and stars of a catalogue that lie in one cut-out."""

from dataclasses import dataclass, fields

import numpy as np

from foundation.errors import RecordError


@dataclass(frozen=True, eq=False)
class Sources:
    """Positions and shapes of n sources, in the catalogue's order; n may be 0.

    Args:
        x: float32 [n], pixels from the left of the cut-out, the first pixel's centre at 0.
        y: float32 [n], pixels from its first row.
        e1: float32 [n], first component of the ellipticity.
        e2: float32 [n], second component.
        radius: float32 [n], half-light radius in arcsec.

    Raises:
        RecordError: columns of different lengths, or numbers that are none.
    """

    x: np.ndarray
    y: np.ndarray
    e1: np.ndarray
    e2: np.ndarray
    radius: np.ndarray

    def __post_init__(self) -> None:
        columns = {f.name: np.ascontiguousarray(getattr(self, f.name), dtype=np.float32) for f in fields(self)}
        if len({c.shape for c in columns.values()}) > 1 or columns["x"].ndim != 1:
            shapes = ", ".join(f"{n} {c.shape}" for n, c in columns.items())
            raise RecordError(f"Sources with columns {shapes}. Give one number a source in each.")
        broken = [n for n, c in columns.items() if not np.isfinite(c).all()]
        if broken:
            raise RecordError(f"Sources with numbers that are none in {', '.join(broken)}. Leave those sources out.")
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.x)
