"""CoefficientsTokenizer: the coefficients of a spectrum, one token each, with bins of its own (AION-1's Gaia XP)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foundation.data.coefficients import Coefficients
from foundation.data.records import Record
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.bins import fitted, quantile_rows
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokens import Axis, Space, Tokens

INVERSE = {"arcsinh": "sinh", "sinh": "arcsinh"}  # functions of NumPy that bins may lie on


@dataclass(frozen=True)
class CoefficientsConfig:
    """Bins of coefficients.

    Args:
        count: coefficients that are kept, the first ones, which tell most.
        codes: bins of each.
        functions: through which a coefficient passes one after the other before it is binned, each of INVERSE.
        basis: name of the basis functions; "" takes coefficients of any.
        reservoir: values kept while fitting.
    """

    count: int = 55
    codes: int = 1024
    functions: tuple[str, ...] = ("arcsinh",)
    basis: str = ""
    reservoir: int = 100_000

    def __post_init__(self) -> None:
        unknown = [f for f in self.functions if f not in INVERSE]
        if unknown:
            raise TokenizerError(f"functions {', '.join(unknown)} of coefficients: want some of {', '.join(INVERSE)}.")
        if min(self.count, self.reservoir) < 1 or self.codes < 2:
            raise TokenizerError(
                f"coefficients: count {self.count}, codes {self.codes}, reservoir {self.reservoir}. "
                "Give positive numbers, and two codes at least."
            )


class CoefficientsTokenizer(StoredTokenizer):
    """The code of a coefficient is the number of its bin values below; decoding gives the value of the bin.

    Errors are not kept: decoded coefficients have an error of 1.
    """

    kind = "coefficients"
    config_class = CoefficientsConfig
    table: Tensor

    def __init__(self, config: CoefficientsConfig, name: str = "coefficients") -> None:
        super().__init__(config, name)
        axis = Axis("coefficient", "", 0, config.count - 1, 1)
        self.space = Space(name, "discrete", config.codes, (axis,), (config.codes,))
        self.token_count = config.count
        table = torch.full((config.count, config.codes), torch.nan, dtype=torch.float64)
        self.register_buffer("table", table)  # transformed values of the bins, ascending in each row; NaN until fitted

    def fit(self, records: Iterable[Coefficients], seed: int = 0) -> "CoefficientsTokenizer":
        """Set the bins to quantiles of the records' coefficients, read once.

        Raises:
            TokenizerError: no record, or one with too few coefficients.
        """
        c = self.config
        values = (self._forward(record)[:, None] for record in records)
        self.table.copy_(quantile_rows(values, c.codes, c.reservoir, seed))
        return self

    def encode(self, records: Sequence[Record]) -> list[Tokens]:
        """One token for each coefficient.

        Raises:
            TokenizerError: no Coefficients, fewer than `count` of them, other basis functions, or no bins yet.
        """
        values = torch.from_numpy(np.stack([self._forward(r) for r in records], 1))  # [count, records]
        codes = torch.searchsorted(fitted(self.table, self.name)[:, :-1].contiguous(), values).T
        place = torch.arange(self.config.count, dtype=torch.float64)[:, None]
        return [Tokens.of_space(self.space, row, place) for row in codes]

    def decode(self, tokens: Sequence[Tokens]) -> list[Record]:
        """Coefficients with the values of the bins."""
        codes = torch.stack([self._check_tokens(t).ids for t in tokens], 1)  # [count, records]
        values = fitted(self.table, self.name).gather(1, codes).numpy()
        for function in reversed(self.config.functions):
            values = getattr(np, INVERSE[function])(values)
        return [Coefficients(v, np.ones(len(v)), basis=self.config.basis) for v in values.T]

    def _forward(self, record: Record) -> np.ndarray:
        """The first coefficients, as they are binned; float64 [count]."""
        c = self.config
        if not isinstance(record, Coefficients):
            raise TokenizerError(f"{self.name}: got a {type(record).__name__}, this tokenizer takes a Coefficients.")
        if len(record.values) < c.count or c.basis not in ("", record.basis):
            raise TokenizerError(
                f"{self.name}: got {len(record.values)} coefficients of the basis {record.basis!r}, wanted {c.count} "
                f"of {c.basis or 'any'}. Give whole records, or leave this one out."
            )
        values = record.values[: c.count]
        for function in c.functions:
            values = getattr(np, function)(values)
        return values
