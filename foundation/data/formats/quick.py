"""Plain FITS read without astropy: images of numbers and tables of fixed columns, byte for byte the same values.

Astropy takes 40 ms for the 236 columns of an SDSS label table, of which a reader wants ten. What is not plain
(compressed or scaled images, sky coordinates, variable-length or scaled columns, a file that ends too soon) is left to
astropy, which `open_source` then uses. Nothing is remembered of a file, so nothing goes stale when it changes.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import IO, Any

import numpy as np

from foundation.data.formats.cards import BLOCK, Cards, read_header

PIXEL = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
COLUMN = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
FORM = re.compile(r"(\d*)([A-Z])\s*$")
ODD = ("BLANK", "ZIMAGE", "GROUPS", "THEAP")  # missing values, compression, other kinds of file
SKY = ("RA--", "DEC-", "GLON", "GLAT", "ELON", "ELAT")  # an astropy WCS wants an astropy header


@dataclass(frozen=True)
class Column:
    """A column of a table: its name as written, unit and type; letters T and F, or integers without sign, if so."""

    name: str
    unit: str | None
    dtype: str
    width: tuple[int, ...] = ()
    logical: bool = False
    unsigned: bool = False

    def plain(self, stored: np.ndarray) -> np.ndarray:
        """Values of the column as they are meant."""
        if self.logical:
            return np.asarray(stored == b"T")
        if self.unsigned:
            return _unsigned(stored)
        return np.char.decode(stored, "ascii", "replace") if stored.dtype.kind == "S" else stored


@dataclass(frozen=True)
class Columns:
    """The columns of a table in order."""

    parts: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """As written."""
        return [part.name for part in self.parts]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


class Table:
    """Rows of a table; columns and cells by name, whatever its case."""

    def __init__(self, array: np.ndarray, columns: Columns) -> None:
        self.array = array
        self.columns = tuple(columns)
        self.place = {part.name.upper(): i for i, part in enumerate(columns)}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.cell(name, slice(None))

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator["Cells"]:
        return (Cells(self, row) for row in range(len(self.array)))

    def cell(self, name: str, row: int | slice) -> np.ndarray:
        """Rows of one column."""
        place = self.place[name.upper()]
        return self.columns[place].plain(np.asarray(self.array[f"f{place}"][row]))


@dataclass(frozen=True)
class Cells:
    """One row of a table."""

    table: Table
    row: int

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a column has any type
        cell = self.table.cell(name, self.row)
        return str(cell) if cell.dtype.kind == "U" and not cell.shape else cell[()]


@dataclass(frozen=True, eq=False)
class PlainHDU:
    """One HDU of a file that stays open, with the names that astropy gives to the same."""

    file: IO[bytes]
    header: Cards
    start: int  # byte of the data

    @property
    def name(self) -> str:
        """EXTNAME; the first is PRIMARY."""
        return str(self.header.get("EXTNAME", "PRIMARY" if "SIMPLE" in self.header else ""))

    @property
    def is_image(self) -> bool:
        """Whether it holds an image, perhaps an empty one."""
        return self.header.get("XTENSION", "IMAGE") == "IMAGE"

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Of an image, the slowest axis first."""
        return tuple(int(self.header[f"NAXIS{i}"]) for i in range(int(self.header["NAXIS"]), 0, -1))

    @cached_property
    def columns(self) -> Columns:
        """Of a table."""
        if self.is_image:
            raise AttributeError("an image has no columns")
        return _columns(self.header.header)

    @cached_property
    def data(self) -> Any:  # noqa: ANN401 - an array, a table, or None
        """The array of an image, None if it has no axes, or the table; big-endian, as in the file."""
        if self.is_image:
            return self._pixels(0, self.shape) if self.shape else None
        dtype = np.dtype([(f"f{i}", c.dtype, c.width) for i, c in enumerate(self.columns)])
        rows = self.shape[0]
        return Table(np.frombuffer(self._bytes(0, rows * dtype.itemsize), dtype), self.columns)

    @property
    def section(self) -> "PlainHDU":
        """The image, of which single rows are read: `section[row]`."""
        return self

    def __getitem__(self, row: int) -> np.ndarray:
        return self._pixels(row * math.prod(self.shape[1:]), self.shape[1:])

    def _pixels(self, first: int, shape: tuple[int, ...]) -> np.ndarray:
        dtype = np.dtype(PIXEL[int(self.header["BITPIX"])])
        content = self._bytes(first * dtype.itemsize, math.prod(shape) * dtype.itemsize)
        pixels = np.frombuffer(content, dtype).reshape(shape)
        return _unsigned(pixels) if self.header.get("BZERO", 0) else pixels

    def _bytes(self, start: int, count: int) -> bytes:
        self.file.seek(self.start + start)
        return self.file.read(count)


def open_plain(file: IO[bytes]) -> Sequence[PlainHDU] | None:
    """The HDUs of a file, or None if one of them is not plain, or the file is not as long as they say."""
    end = file.seek(0, 2)
    hdus, place = [], 0
    while place < end:
        file.seek(place)
        header = read_header(file)
        if header is None:
            return None
        hdu = PlainHDU(file, Cards(header), place + len(header))
        if not _is_plain(hdu):
            return None
        hdus.append(hdu)
        place = hdu.start + -(-_size(hdu.header) // BLOCK) * BLOCK
    return hdus if place == end else None


def _is_plain(hdu: PlainHDU) -> bool:
    cards = hdu.header
    try:
        if any(word in cards for word in ODD) or int(cards.get("PCOUNT", 0)) or cards.get("GCOUNT", 1) != 1:
            return False
        if hdu.is_image:
            plain = cards.get("BSCALE", 1) == 1 and cards.get("BZERO", 0) in (0, _sign_bit(int(cards["BITPIX"])))
            return plain and int(cards["BITPIX"]) in PIXEL and str(cards.get("CTYPE1", ""))[:4] not in SKY
        row = sum(np.dtype((c.dtype, c.width)).itemsize for c in hdu.columns)
        return cards.get("XTENSION") == "BINTABLE" and row == cards["NAXIS1"]
    except (KeyError, ValueError):
        return False


def _sign_bit(bits: int) -> int:
    """BZERO of integers without sign, which FITS has not; 0 of bytes and of real numbers."""
    return 1 << (bits - 1) if bits > 8 else 0


def _unsigned(stored: np.ndarray) -> np.ndarray:
    """What integers without sign are, which are stored with half of their range taken away."""
    size = stored.dtype.itemsize
    bits = np.asarray(stored).astype(stored.dtype.newbyteorder("=")).view(f"u{size}")
    return np.asarray(bits ^ bits.dtype.type(_sign_bit(8 * size)))


def _size(cards: Mapping[str, Any]) -> int:
    """Bytes of the data."""
    axes = [int(cards[f"NAXIS{i}"]) for i in range(1, int(cards["NAXIS"]) + 1)]
    return abs(int(cards["BITPIX"])) // 8 * math.prod(axes) if axes else 0


@lru_cache(maxsize=64)  # by every byte, so equal headers mean equal columns
def _columns(header: bytes) -> Columns:
    """The columns of a table.

    Raises:
        ValueError: one is not plain: scaled, of variable length or of bits.
    """
    cards = Cards(header)
    return Columns(tuple(_column(cards, i) for i in range(1, int(cards["TFIELDS"]) + 1)))


def _column(cards: Mapping[str, Any], number: int) -> Column:
    form, zero = FORM.match(str(cards[f"TFORM{number}"])), cards.get(f"TZERO{number}", 0)
    if not form or form[2] not in (*COLUMN, "A") or cards.get(f"TSCAL{number}", 1) != 1:
        raise ValueError(f"column {number} is scaled, or a {cards[f'TFORM{number}']}")
    dtype = COLUMN.get(form[2], "")
    if zero and (form[2] not in "IJK" or zero != _sign_bit(8 * np.dtype(dtype).itemsize)):
        raise ValueError(f"column {number} begins at {zero}")
    count, unit = int(form[1] or 1), cards.get(f"TUNIT{number}")
    axes = tuple(int(n) for n in re.findall(r"\d+", str(cards.get(f"TDIM{number}", ""))))[::-1] or (count,)
    if math.prod(axes) != count:
        raise ValueError(f"column {number} has {count} values in an array of {axes}")
    name = str(cards.get(f"TTYPE{number}", f"col{number}"))
    if form[2] == "A":
        return Column(name, unit, f"S{axes[-1]}", axes[:-1])
    return Column(name, unit, dtype, () if axes == (1,) else axes, form[2] == "L", bool(zero))
