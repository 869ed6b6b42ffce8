"""Coefficients: a spectrum as its survey publishes it, a sum of basis functions that the survey keeps elsewhere."""

from dataclasses import dataclass

import numpy as np

from foundation.errors import RecordError


@dataclass(frozen=True, eq=False)
class Coefficients:
    """What multiplies each basis function, and how its errors hang together.

    Args:
        values: float64 [n].
        sigma: float32 [n], standard errors; positive.
        correlation: float32 [n (n - 1) / 2], of the errors, above the diagonal and column by column; or None.
        basis: name of the basis functions, such as "gaia-bp-56"; coefficients of different ones do not compare.
        relevant: how many of the first coefficients stand out of the noise; 0 if unknown.
        survey: name of the survey.

    Raises:
        RecordError: parts that do not fit each other, or numbers that are none.
    """

    values: np.ndarray
    sigma: np.ndarray
    correlation: np.ndarray | None = None
    basis: str = ""
    relevant: int = 0
    survey: str = ""

    def __post_init__(self) -> None:
        values = np.ascontiguousarray(self.values, dtype=np.float64)
        sigma = np.ascontiguousarray(self.sigma, dtype=np.float32)
        n, what = values.size, f"Coefficients{f' of {self.survey}' if self.survey else ''}"
        if values.shape != (n,) or sigma.shape != (n,) or not n:
            raise RecordError(f"{what}: values {values.shape} and errors {sigma.shape}. Give one error each.")
        if not np.isfinite(values).all() or not (np.isfinite(sigma) & (sigma > 0)).all():
            raise RecordError(f"{what}: values or errors that are not finite, or errors not positive. Leave it out.")
        parts: dict[str, object] = {"values": values, "sigma": sigma}
        if self.correlation is not None:
            parts["correlation"] = np.ascontiguousarray(self.correlation, dtype=np.float32)
            if np.shape(parts["correlation"]) != (n * (n - 1) // 2,):
                raise RecordError(
                    f"{what}: {np.shape(self.correlation)} correlations of {n} values. Give {n * (n - 1) // 2}."
                )
        for name, value in parts.items():
            object.__setattr__(self, name, value)

    @property
    def covariance(self) -> np.ndarray:
        """float64 [n, n], of the errors; diagonal if the correlations are unknown."""
        n = len(self.values)
        correlation = np.eye(n)
        if self.correlation is not None:
            column, row = np.tril_indices(n, -1)  # above the diagonal by columns is below it by rows
            correlation[row, column] = correlation[column, row] = self.correlation
        return correlation * np.outer(self.sigma, self.sigma).astype(np.float64)
