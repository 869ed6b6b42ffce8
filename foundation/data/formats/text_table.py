"""Tables written as text, CSV or ECSV, as columns of numbers, text and arrays."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from foundation.data.formats.source import FormatError, Source

ECSV = b"# %ECSV"


def column_names(source: Source) -> set[str]:
    """Upper-case names of the columns of a file that begins as CSV or ECSV does; empty if it does not."""
    lines = [line for line in source.head.splitlines() if not line.startswith(b"#")]
    is_text = source.head.startswith(ECSV) or (lines and b"," in lines[0] and lines[0].isascii())
    if not is_text or not lines or b"\0" in source.head:
        return set()
    names = lines[0].replace(b'"', b"").replace(b",", b" ").split()
    return {name.decode("ascii", "replace").upper() for name in names}


def read_columns(source: Source) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Upper-case name -> column, and name -> unit where the file gives one; text that holds an array becomes one.

    Raises:
        FormatError: astropy is missing, or cannot read the file.
    """
    try:
        from astropy.table import Table
    except ImportError as error:
        raise FormatError(
            f'{source.path}: tables need astropy. Type `pip install "foundation-science[astro]"`.'
        ) from error
    kind = "ascii.ecsv" if source.head.startswith(ECSV) else "ascii.csv"
    table: Any = Table.read(source.content().decode("utf-8", "replace"), format=kind)
    columns = {name.upper(): _filled(table[name]) for name in table.colnames}
    units = {name.upper(): str(table[name].unit) for name in table.colnames if table[name].unit is not None}
    return columns, units


def rows_of(columns: Mapping[str, Sequence[Any] | np.ndarray]) -> Iterator[dict[str, Any]]:
    """The rows of columns of equal length."""
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _filled(column: Any) -> np.ndarray:  # noqa: ANN401 - a column of astropy, masked or not
    """Missing numbers become NaN; text such as "(1.0, 2.0)" becomes arrays."""
    values: Any = np.ma.asarray(column)
    if values.dtype.kind in "US" and len(values) and str(values[0])[:1] in "([":
        return _objects([np.asarray(ast.literal_eval(str(text)), dtype=np.float64) for text in values])
    if np.ma.is_masked(values) and values.dtype.kind in "iuf":
        return values.astype(np.float64).filled(np.nan)
    return np.asarray(values.filled() if np.ma.is_masked(values) else values)


def _objects(arrays: Sequence[np.ndarray]) -> np.ndarray:
    column = np.empty(len(arrays), dtype=object)
    column[:] = arrays
    return column
