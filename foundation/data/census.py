"""Census: counts samples, modalities, tokens and labels while they stream past to be written."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch

from foundation.data.records import Sample
from foundation.data.token_columns import TokenSample

T = TypeVar("T", Sample, TokenSample)


class Census:
    """Counts what it watches; memory does not grow with the number of samples."""

    def __init__(self) -> None:
        self.samples = 0
        self._present: Counter[str] = Counter()
        self._tokens: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._types: dict[str, set[str]] = {}

    def watch(self, samples: Iterable[T]) -> Iterator[T]:
        """Yield the samples unchanged."""
        for sample in samples:
            self.samples += 1
            self._present.update(list(sample.records) if isinstance(sample, Sample) else self._count(sample))
            self._labels.update(list(sample.labels))
            for name, value in sample.labels.items():
                self._types.setdefault(name, set()).add(
                    type(value.item() if isinstance(value, np.generic) else value).__name__
                )
            yield sample

    def _count(self, sample: TokenSample) -> list[str]:
        spaces = sample.tokens.spaces
        counts = torch.bincount(sample.tokens.space, minlength=len(spaces)).tolist()
        present = {s.name: n for s, n in zip(spaces, counts, strict=True) if n}
        self._tokens.update(present)
        return list(present)

    def statistics(self) -> dict[str, dict[str, float]]:
        """Modality or space -> how many samples have it, which fraction that is, and how many tokens there are."""
        table: dict[str, dict[str, float]] = {}
        for name, count in sorted(self._present.items()):
            table[name] = {"count": count, "fraction": count / self.samples}
            if name in self._tokens:
                table[name]["tokens"] = self._tokens[name]
        return table

    def label_schema(self) -> dict[str, dict[str, Any]]:
        """Label -> its type or types, and how many samples have it."""
        return {n: {"type": "|".join(sorted(self._types[n])), "count": c} for n, c in sorted(self._labels.items())}
