"""Rows of HDF5 and parquet tables in the layouts of the Multimodal Universe, as flat columns (arXiv:2412.02527).

HDF5 has one array for each column with objects along its first axis, and parts of an image or spectrum as columns
`image_flux`, `spectrum_lambda` and so on; parquet has them as structs, or images as lists of a struct for each band.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from foundation.data.fields.opening import is_hdf5, open_well
from foundation.data.formats.source import FormatError, Source

PARQUET = b"PAR1"
TOGETHER = 64  # rows read at once
Row = dict[str, Any]  # upper-case column -> number, text or array


def column_names(source: Source) -> set[str]:
    """Upper-case names of the columns; empty if the file is neither HDF5 nor parquet, or its arrays are no table."""
    if source.hdus:
        return set()
    if source.head.startswith(PARQUET):
        return {field.name.upper() for field in _parquet(source).schema_arrow}
    if not is_hdf5(source.path):
        return set()
    with open_well(source.path) as file:
        return {name.upper() for name, part in file.items() if getattr(part, "ndim", 0)}


def rows(source: Source) -> Iterator[Row]:
    """The rows, a few at a time in memory."""
    return _parquet_rows(source) if source.head.startswith(PARQUET) else _hdf5_rows(source)


def _hdf5_rows(source: Source) -> Iterator[Row]:
    with open_well(source.path) as file:
        columns = {name: part for name, part in file.items() if getattr(part, "ndim", 0)}
        count = {len(part) for part in columns.values()}
        if len(count) != 1:
            raise FormatError(f"{source.path}: columns have {sorted(count)} rows. Write the file again.")
        for begin in range(0, count.pop(), TOGETHER):
            parts = {name.upper(): part[begin : begin + TOGETHER] for name, part in columns.items()}
            for i in range(len(next(iter(parts.values())))):
                yield {name: _plain(part[i]) for name, part in parts.items()}


def _parquet_rows(source: Source) -> Iterator[Row]:
    for batch in _parquet(source).iter_batches(batch_size=TOGETHER):
        for i in range(len(batch)):
            row: Row = {}
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                value = _value(column[i])
                parts = (
                    {name: value} if not isinstance(value, Mapping) else {f"{name}_{k}": v for k, v in value.items()}
                )
                row |= {k.upper(): v for k, v in parts.items() if v is not None}
            yield row


def _parquet(source: Source) -> Any:  # noqa: ANN401 - pyarrow has no types
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise FormatError(
            f'{source.path}: parquet needs pyarrow. Type `pip install "foundation-science[eval]"`.'
        ) from error
    return parquet.ParquetFile(source.path)


def _value(scalar: Any) -> Any:  # noqa: ANN401 - of pyarrow
    """Lists as arrays, structs as mappings, and a list of structs as a mapping of arrays."""
    kind = str(scalar.type)
    if not scalar.is_valid:
        return None
    if kind.startswith("struct"):
        return {k: _value(v) for k, v in scalar.items()}
    return _array(scalar.values) if "list" in kind else scalar.as_py()


def _array(values: Any) -> Any:  # noqa: ANN401 - of pyarrow
    kind = str(values.type)
    if kind.startswith("struct"):
        return {part.name: _array(values.field(i)) for i, part in enumerate(values.type)}
    return np.stack([_array(v.values) for v in values]) if "list" in kind else values.to_numpy(zero_copy_only=False)


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value
