"""ScalarTokenizer: one number, one token; bins are quantiles of the data or an even grid."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foundation.data.records import Record, Scalar
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.bins import fitted
from foundation.tokenizers.reservoir import Reservoir
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokens import Space, Tokens

Function = Callable[[np.ndarray, float], np.ndarray]
TRANSFORMS: dict[str, tuple[Function, Function]] = {  # name -> (forward, inverse), both of (values, scale)
    "identity": (lambda x, scale: x, lambda y, scale: y),
    "log": (lambda x, scale: np.log(np.maximum(x, scale)), lambda y, scale: np.exp(y)),
    "asinh": (lambda x, scale: np.arcsinh(x / scale), lambda y, scale: np.sinh(y) * scale),
}


@dataclass(frozen=True)
class ScalarConfig:
    """Bins of one scalar.

    Args:
        codes: number of bins.
        transform: "identity"; "log", in which values below `scale` become `scale`; or "asinh", linear within `scale` of
            0 and logarithmic beyond, for fluxes that noise makes negative.
        scale: see `transform`; AION-1's floor of the logarithm is e^-3.
        grid: (low, high) of evenly spaced bin values instead of quantiles.
        nearest: take the nearest bin value; AION-1 takes the next one above.
        reservoir: values kept while fitting.
        unit: unit of the values; "" before fitting takes the unit of the data.
    """

    codes: int = 1024
    transform: str = "identity"
    scale: float = math.exp(-3)
    grid: tuple[float, float] | None = None
    nearest: bool = True
    reservoir: int = 100_000
    unit: str = ""

    def __post_init__(self) -> None:
        if self.transform not in TRANSFORMS:
            raise TokenizerError(f"transform {self.transform!r}: want one of {', '.join(TRANSFORMS)}.")
        if self.codes < 2 or self.scale <= 0 or self.reservoir < 1:
            raise TokenizerError(
                f"scalar bins: codes {self.codes}, scale {self.scale}, reservoir {self.reservoir}; "
                "give at least 2 codes and a positive scale and reservoir."
            )
        if self.grid is not None and not self.grid[0] < self.grid[1]:
            raise TokenizerError(f"scalar bins: the grid {self.grid} is empty. Give (low, high) with low < high.")


class ScalarTokenizer(StoredTokenizer):
    """Bin number of a value; decoding gives the value of the bin. A missing value is an absent record, never a code."""

    kind = "scalar"
    config_class = ScalarConfig
    token_count = 1
    table: Tensor

    def __init__(self, config: ScalarConfig, name: str) -> None:
        super().__init__(config, name)
        self.space = Space(name, "discrete", config.codes, levels=(config.codes,))
        table = torch.full((config.codes,), torch.nan, dtype=torch.float64)
        if config.grid is not None:
            low, high = self._forward(np.array(config.grid))
            table = torch.linspace(float(low), float(high), config.codes, dtype=torch.float64)
        self.register_buffer("table", table)  # transformed values of the bins, ascending; NaN until fitted

    def fit(self, batches: Iterable[np.ndarray | Sequence[float] | float], seed: int = 0) -> "ScalarTokenizer":
        """Set the bins to quantiles of the values, read once; non-finite values are left out. A grid stays as it is.

        Raises:
            TokenizerError: there is no finite value.
        """
        if self.config.grid is not None:
            return self
        reservoir = Reservoir(self.config.reservoir, seed)
        for batch in batches:
            reservoir.add(np.asarray(batch))
        if reservoir.seen == 0:
            raise TokenizerError(f"{self.name}: there is no value to fit bins to. Leave {self.name} out, or add data.")
        return self.fit_sample(reservoir.values())

    def fit_sample(self, values: np.ndarray) -> "ScalarTokenizer":
        """Set the bins to quantiles of these values, all finite."""
        table = np.quantile(self._forward(values), np.linspace(0, 1, self.config.codes))
        self.table.copy_(torch.from_numpy(table))
        return self

    @property
    def values(self) -> Float[Tensor, "codes"]:
        """The value of each bin in physical units, float64."""
        return torch.from_numpy(self._inverse(fitted(self.table, self.name).numpy()))

    def encode(self, records: Sequence[Record]) -> list[Tokens]:
        """One token each.

        Raises:
            TokenizerError: not a Scalar, another unit than fitted, or no bins yet.
        """
        table = fitted(self.table, self.name)
        edges = (table[1:] + table[:-1]) / 2 if self.config.nearest else table[:-1]
        values = self._forward(np.array([self._checked(r).value for r in records], dtype=np.float64))
        if self.config.grid is not None:
            values = np.minimum(values, float(table[-1]))  # a grid may repeat its last value, as that of AION-1 does
        codes = torch.bucketize(torch.from_numpy(values), edges)
        return [Tokens.of_space(self.space, code) for code in codes.split(1)]

    def decode(self, tokens: Sequence[Tokens]) -> list[Record]:
        """The value of the bin; its uncertainty is not known."""
        values = self.values
        return [Scalar(float(values[self._check_tokens(t).ids[0]]), self.name, self.config.unit) for t in tokens]

    def _checked(self, record: Record) -> Scalar:
        if not isinstance(record, Scalar):
            raise TokenizerError(f"{self.name}: got a {type(record).__name__}, this tokenizer takes a Scalar.")
        if self.config.unit not in ("", record.unit):
            raise TokenizerError(
                f"{self.name}: the value is in {record.unit!r}, the bins are in {self.config.unit!r}. Convert it first."
            )
        return record

    def _forward(self, values: np.ndarray) -> np.ndarray:
        return TRANSFORMS[self.config.transform][0](values, self.config.scale)

    def _inverse(self, values: np.ndarray) -> np.ndarray:
        return TRANSFORMS[self.config.transform][1](values, self.config.scale)
