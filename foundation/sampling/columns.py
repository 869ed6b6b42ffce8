"""Columns: predictions of many objects in physical units, gathered as arrays and written as one npz file."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foundation.data.records import Image, Record, Scalar, Spectrum
from foundation.errors import FoundationError
from foundation.files import whole_file
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokens import Tokens


class Columns:
    """Decoded draws, object by object.

    Args:
        tokenizers: turn tokens into records.
        draws: predictions of each object.
    """

    def __init__(self, tokenizers: TokenizerBundle, draws: int) -> None:
        self.tokenizers, self.draws = tokenizers, draws
        self.keys: list[str] = []
        self.rows: dict[str, list[np.ndarray]] = defaultdict(list)  # one entry a chunk of objects
        self.fixed: dict[str, np.ndarray] = {}  # the same for all objects

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, keys: Sequence[str], drawn: Sequence[Tokens], asked: Sequence[str]) -> None:
        """The draws of some objects, those of an object together."""
        self.keys += keys
        for name in asked:
            records = self.tokenizers.tokenizers[name].decode([t.select(t.of(name)) for t in drawn])
            values = np.stack([_value(r) for r in records])
            column = f"{name}.value" if isinstance(records[0], Scalar) else f"{name}.flux"
            self.rows[column].append(values.reshape(len(keys), self.draws, *values.shape[1:]))
            self.fixed |= {f"{name}.{k}": v for k, v in _described(records[0]).items()}

    def add_posterior(self, name: str, probability: Float[Tensor, "n size"]) -> None:
        """The probability of each code of a scalar, for some objects."""
        self.rows[f"{name}.probability"].append(probability.numpy())
        if f"{name}.code_value" not in self.fixed:
            tokenizer = self.tokenizers.tokenizers[name]
            codes = torch.arange(probability.shape[1]).split(1)
            records = tokenizer.decode([Tokens.of_space(tokenizer.space, code) for code in codes])
            self.fixed[f"{name}.code_value"] = np.stack([_value(r) for r in records])

    def write(self, out: Path, settings: Mapping[str, object]) -> None:
        """Write everything, with the settings as JSON."""
        arrays = {"key": np.array(self.keys), **{k: np.concatenate(v) for k, v in self.rows.items()}, **self.fixed}
        with whole_file(out) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, settings=np.array(json.dumps(settings)), **arrays)


def _value(record: Record) -> np.ndarray:
    if isinstance(record, Spectrum | Image):
        return record.flux
    if isinstance(record, Scalar):
        return np.array(record.value)
    raise FoundationError(f"A predicted {type(record).__name__} is no table of numbers. Ask for other modalities.")


def _described(record: Record) -> dict[str, np.ndarray]:
    """What belongs to all predictions of a modality."""
    if isinstance(record, Spectrum):
        return {"wavelength": record.wavelength, "unit": np.array(record.unit)}
    if isinstance(record, Image):
        return {"bands": np.array(record.bands), "pixel_scale": np.array(record.pixel_scale)}
    return {"unit": np.array(record.unit)} if isinstance(record, Scalar) else {}
