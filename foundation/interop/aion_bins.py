"""The codecs of AION-1 that count bins: scalars, coefficients and catalogues.

Beside its table of bins each stores a reservoir of the values that the table was fitted to, which nothing reads but
further fitting: it is left out, and written anew from the table. The redshift's codec has 1024 bins of a vocabulary of
1025, so our table repeats the last one.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from foundation.interop.aion_codec import Codec, Stored, Tensors, agree
from foundation.interop.aion_keys import Key
from foundation.tokenizers.coefficients import INVERSE, CoefficientsConfig, CoefficientsTokenizer
from foundation.tokenizers.scalar import ScalarConfig, ScalarTokenizer
from foundation.tokenizers.sources import SourcesConfig, SourcesTokenizer

TABLE, RESERVOIR, BUCKETS = "_quantizer._index_to_val", "_quantizer._reservoir", "_quantizer.buckets"
PIXELS, SHAPES = ("X", "Y"), ("SHAPE_E1", "SHAPE_E2", "SHAPE_R")  # columns of a catalogue
SPELLED = {"asinh": "arcsinh"}  # torch has two names for one function
MISSING = 9999  # what a catalogue of the release has in place of a source


def _scalar_config(stored: Stored, key: Key, tensors: Tensors) -> ScalarConfig:
    agree(key, modality=(stored["modality"], key.folder), codebook_size=(stored["codebook_size"], key.size))
    return ScalarConfig(key.size, nearest=False, reservoir=stored["reservoir_size"])


def _scalar_stored(config: ScalarConfig, key: Key) -> Stored:
    agree(key, nearest=(config.nearest, False), grid=(config.grid, None), codes=(config.codes, key.size))
    return {"modality": key.folder, "codebook_size": config.codes, "reservoir_size": config.reservoir}


def _scalar_released(state: Tensors, config: ScalarConfig) -> dict[str, Tensor]:
    return {RESERVOIR: _reservoir(state["table"], config.reservoir), TABLE: state["table"].float()}


def _scalar_ours(tensors: Tensors, config: ScalarConfig) -> dict[str, Tensor]:
    return {"table": tensors[TABLE].double()}


def _log_config(stored: Stored, key: Key, tensors: Tensors) -> ScalarConfig:
    plain = _scalar_config(stored, key, tensors)
    return ScalarConfig(plain.codes, "log", math.exp(stored["min_log_value"]), None, False, plain.reservoir)


def _log_stored(config: ScalarConfig, key: Key) -> Stored:
    agree(key, transform=(config.transform, "log"))
    floor = round(math.log(config.scale), 9)
    return {**_scalar_stored(config, key), "min_log_value": int(floor) if floor.is_integer() else floor}


def _grid_config(stored: Stored, key: Key, tensors: Tensors) -> ScalarConfig:
    agree(key, modality=(stored["modality"], key.folder), codebook_size=(stored["codebook_size"], key.size - 1))
    buckets = tensors.get(BUCKETS, torch.tensor([0.0, 1.0]))  # the missing ones are reported with all tensors
    return ScalarConfig(key.size, grid=(float(buckets[0]), float(buckets[-1])), nearest=False)


def _grid_stored(config: ScalarConfig, key: Key) -> Stored:
    agree(key, nearest=(config.nearest, False), codes=(config.codes, key.size))
    return {"modality": key.folder, "codebook_size": config.codes - 1}


def _grid_released(state: Tensors, config: ScalarConfig) -> dict[str, Tensor]:
    return {BUCKETS: state["table"][:-1].float()}


def _grid_ours(tensors: Tensors, config: ScalarConfig) -> dict[str, Tensor]:
    return {"table": torch.cat([tensors[BUCKETS], tensors[BUCKETS][-1:]]).double()}


def _coefficients_config(stored: Stored, key: Key, tensors: Tensors) -> CoefficientsConfig:
    entries = ("compression_fns", "decompression_fns")
    forward, back = ([str(SPELLED.get(f, f)) for f in stored[entry]] for entry in entries)
    agree(
        key,
        modality=(stored["modality"], key.folder),
        codebook_size=(stored["codebook_size"], key.size),
        num_quantizers=(stored["num_quantizers"], key.axes[0].count),
        decompression_fns=(back, [INVERSE.get(f, f"the inverse of {f}") for f in reversed(forward)]),
    )
    return CoefficientsConfig(key.axes[0].count, key.size, tuple(forward), reservoir=stored["reservoir_size"])


def _coefficients_stored(config: CoefficientsConfig, key: Key) -> Stored:
    return {
        "modality": key.folder,
        "codebook_size": config.codes,
        "reservoir_size": config.reservoir,
        "num_quantizers": config.count,
        "compression_fns": list(config.functions),
        "decompression_fns": [INVERSE[f] for f in reversed(config.functions)],
    }


def _coefficients_released(state: Tensors, config: CoefficientsConfig) -> dict[str, Tensor]:
    return _rows(state["table"], [str(i) for i in range(config.count)], config.reservoir)


def _coefficients_ours(tensors: Tensors, config: CoefficientsConfig) -> dict[str, Tensor]:
    return {"table": torch.stack([tensors[_row(str(i), TABLE)] for i in range(config.count)]).double()}


def _catalog_config(stored: Stored, key: Key, tensors: Tensors) -> SourcesConfig:
    agree(key, mask_value=(stored["mask_value"], MISSING))
    return SourcesConfig()


def _catalog_stored(config: SourcesConfig, key: Key) -> Stored:
    wanted = SourcesConfig()
    agree(key, sizes=(config.sizes, wanted.sizes), first=(config.first, wanted.first))
    return {"mask_value": MISSING}


def _catalog_released(state: Tensors, config: SourcesConfig) -> dict[str, Tensor]:
    pixels = {_row(c, "_quantizer._codebook_size"): torch.tensor(config.pixels) for c in PIXELS}
    return pixels | _rows(state["table"], SHAPES, config.reservoir)


def _catalog_ours(tensors: Tensors, config: SourcesConfig) -> dict[str, Tensor]:
    return {"table": torch.stack([tensors[_row(c, TABLE)] for c in SHAPES]).double()}


def _row(name: str, tensor: str) -> str:
    """The name of a tensor of one of several quantisers."""
    return tensor.replace("_quantizer.", f"_quantizer.quantizers.{name}.", 1)


def _rows(table: Tensor, names: Sequence[str], size: int) -> dict[str, Tensor]:
    parts = {_row(n, TABLE): row.float() for n, row in zip(names, table, strict=True)}
    return parts | {_row(n, RESERVOIR): _reservoir(row, size) for n, row in zip(names, table, strict=True)}


def _reservoir(table: Tensor, size: int) -> Tensor:
    """Values that have the quantiles of the table."""
    known, wanted = np.linspace(0, 1, len(table)), np.linspace(0, 1, size)
    return torch.from_numpy(np.interp(wanted, known, table.cpu().numpy())).float()


BINS = frozenset({"modality", "codebook_size"})
SCALAR = Codec(
    ScalarTokenizer, BINS | {"reservoir_size"}, _scalar_config, _scalar_stored, _scalar_released, _scalar_ours
)
LOG = Codec(ScalarTokenizer, SCALAR.known | {"min_log_value"}, _log_config, _log_stored, _scalar_released, _scalar_ours)
GRID = Codec(ScalarTokenizer, BINS, _grid_config, _grid_stored, _grid_released, _grid_ours)
COEFFICIENTS = Codec(
    CoefficientsTokenizer,
    SCALAR.known | {"compression_fns", "decompression_fns", "num_quantizers"},
    _coefficients_config,
    _coefficients_stored,
    _coefficients_released,
    _coefficients_ours,
)
CATALOG = Codec(
    SourcesTokenizer, frozenset({"mask_value"}), _catalog_config, _catalog_stored, _catalog_released, _catalog_ours
)
