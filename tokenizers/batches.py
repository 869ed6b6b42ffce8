"""Batches: records of the shards, prepared once and kept in memory, in shuffled batches for a number of steps."""

import zlib
from collections.abc import Iterator, Sequence
from itertools import chain, islice, repeat

import numpy as np
import torch
from torch import Tensor

from foundation.data.records import Record
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError
from foundation.progress import track
from foundation.tokenizers.autoencoder import CodecTraining
from foundation.tokenizers.learned import LearnedTokenizer

HELD_OUT = 16  # one sample in this many is not trained on
LARGEST = 6e4  # of float16


class Batches:
    """`config.steps` batches; a data set larger than `config.window` records passes through memory window by window.

    Args:
        shards: where the records are.
        tokenizer: prepares them.
        modalities: which records of a sample; all are of the tokenizer's type.
    """

    def __init__(
        self, shards: RecordShards, tokenizer: LearnedTokenizer, modalities: Sequence[str], config: CodecTraining
    ) -> None:
        self.shards, self.tokenizer, self.modalities, self.config = shards, tokenizer, tuple(modalities), config
        windows = self._read()
        first = next(windows, None)
        if first is None:
            raise FoundationError(
                f"{shards.path}: has no usable record of {', '.join(self.modalities)} to train on. "
                f"It has {', '.join(shards.manifest.statistics)}."
            )
        self.first = first
        self._second = next(windows, None)  # None if all records fit into one window

    def __len__(self) -> int:
        return self.config.steps

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        batches = self._batches()
        for _ in track(range(self.config.steps), f"training {', '.join(self.modalities)}", self.config.steps):
            yield next(batches)

    def held_out(self) -> list[Record]:
        """At most `config.held_out` records that no batch has.

        Raises:
            FoundationError: there is none, because the data set is too small.
        """
        records = list(islice(self._records(held_out=True), self.config.held_out))
        if not records:
            raise FoundationError(
                f"{self.shards.path}: {len(self.shards)} samples leave none to measure the tokenizer on. "
                f"Give some {4 * HELD_OUT} or more."
            )
        return records

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        generator = torch.Generator().manual_seed(self.config.seed)
        for window in self._windows():
            size = len(next(iter(window.values())))
            order = torch.randperm(size, generator=generator)
            whole = max(1, size // self.config.batch)  # what is left over waits for the next pass
            for rows in order.split(self.config.batch)[:whole]:
                yield {name: values[rows] for name, values in window.items()}

    def _windows(self) -> Iterator[dict[str, Tensor]]:
        if self._second is None:
            return repeat(self.first)
        return chain.from_iterable(self._read() for _ in repeat(None))

    def _read(self) -> Iterator[dict[str, Tensor]]:
        """One pass over the training records, a window at a time."""
        rows = chain.from_iterable(map(self.tokenizer.pieces, self._records(held_out=False)))
        while window := [_half(row) for row in islice(rows, self.config.window)]:
            yield {name: torch.from_numpy(np.stack([row[name] for row in window])) for name in window[0]}

    def _records(self, held_out: bool) -> Iterator[Record]:
        for sample in self.shards:
            if (zlib.crc32(sample.key.encode()) % HELD_OUT == 0) == held_out:
                for modality in self.modalities:
                    if modality in sample and self.tokenizer.accepts(sample[modality]):
                        yield sample[modality]


def _half(row: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Large arrays as float16, which rounds by less than their noise."""
    return {
        k: np.clip(v, -LARGEST, LARGEST).astype(np.float16) if v.ndim and v.size > 99 else v for k, v in row.items()
    }
