"""Opens one survey file, so that whatever is wrong with it becomes one sentence and not a warning or a traceback."""

import gzip
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from foundation.data.formats.quick import open_plain
from foundation.data.records import RecordError, Sample
from foundation.errors import FoundationError

if TYPE_CHECKING:
    from astropy.io.fits import FITS_record

IN_MEMORY = 64 << 20  # bytes of an unpacked .gz file that are kept in memory; the rest goes to a temporary file
HEAD = 4096  # bytes from which a text format is told
DAMAGE = ("File may have been truncated", "Error validating header for HDU")  # astropy only warns of these
Samples = Generator[Sample, None, str]  # what a reader gives: samples, and at the end a remark, or ""


class FormatError(FoundationError):
    """A file that cannot be read; the message names it, and says what to do."""


@dataclass
class Reading:
    """What a reader gives, to be read once; its remark is known when all was read."""

    samples: Samples
    remark: str = ""

    def __iter__(self) -> Iterator[Sample]:
        self.remark = yield from self.samples


@dataclass(frozen=True, eq=False)
class Source:
    """A file being read: its HDUs by index, or none if it is not FITS; then its first bytes, unpacked, and itself."""

    path: Path
    hdus: Sequence[Any]
    head: bytes = b""
    file: IO[bytes] | None = None

    def content(self) -> bytes:
        """All bytes, unpacked."""
        if self.file is None:
            raise FormatError(f"{self.path}: is FITS, which is read by its HDUs.")
        self.file.seek(0)
        return self.file.read()

    @property
    def names(self) -> list[str]:
        """Upper-case EXTNAME of each HDU; may be empty strings."""
        return [hdu.name.upper() for hdu in self.hdus]

    def hdu(self, which: int | str) -> Any:  # noqa: ANN401 - image, compressed image or table
        """An HDU by index or upper-case name."""
        return self.hdus[which if isinstance(which, int) else self.names.index(which)]

    def has(self, which: int | str) -> bool:
        """Whether there is such an HDU."""
        return which < len(self.hdus) if isinstance(which, int) else which in self.names

    def columns(self, which: int | str) -> set[str]:
        """Upper-case column names of a table; empty if there is no table."""
        table = getattr(self.hdu(which), "columns", None) if self.has(which) else None
        return set() if table is None else {name.upper() for name in table.names}

    def rows(self, which: int | str) -> "Iterator[Row]":
        """The rows of a table."""
        names = self.columns(which)
        return (Row(record, names) for record in self.hdu(which).data)

    def header(self, which: int | str = 0) -> Mapping[str, Any]:
        """Header cards of an HDU; empty if it does not exist."""
        return self.hdu(which).header if self.has(which) else {}


@dataclass(frozen=True, eq=False)
class Row(Mapping[str, Any]):
    """One table row by upper-case column name; text has no trailing blanks."""

    record: "FITS_record"
    names: set[str]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a column has any type
        if name not in self.names:
            raise KeyError(name)
        value = self.record[name]
        return value.strip() if isinstance(value, str) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a file; FITS may be packed with gzip or, by tile, as .fz.

    Raises:
        FormatError: there is no such file or it is empty.
    """
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file. Check the path.")
    if path.stat().st_size == 0:
        raise FormatError(f"{path}: is empty, 0 bytes. Download it again.")
    with _unpacked(path) as file:
        head = file.read(HEAD)
        file.seek(0)
        if not head.startswith(b"SIMPLE"):
            yield Source(path, (), head, file)
            return
        try:
            from astropy.io import fits
        except ImportError as error:
            raise FormatError(f'{path}: FITS needs astropy. Type `pip install "foundation-science[astro]"`.') from error
        if (plain := open_plain(file)) is not None:
            yield Source(path, plain)
            return
        file.seek(0)
        with fits.open(file, memmap=False) as hdus:
            len(hdus)  # reads all headers: astropy warns here of a file that is cut short
            yield Source(path, hdus)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Silence what astropy says of harmless oddities, and turn damage into a FormatError.

    Only for stretches without `yield`, because warning filters are global.

    Raises:
        FormatError: the file is damaged, or its numbers make no record.
    """
    try:
        with warnings.catch_warnings():
            _ignore_harmless()
            for message in DAMAGE:
                warnings.filterwarnings("error", message=f"(?s).*{message}")
            yield
    except FormatError:
        raise
    except RecordError as error:
        raise FormatError(f"{path}: {error}") from error
    except OSError as error:
        if error.errno is None:  # astropy's and gzip's own, about the content
            raise _damaged(path, error) from error
        raise FormatError(
            f"{path}: cannot be read: {error.strerror}. Check permissions and free disk space."
        ) from error
    except (EOFError, zlib.error, ValueError, KeyError, IndexError, Warning) as error:
        raise _damaged(path, error) from error


def _ignore_harmless() -> None:
    try:
        from astropy.utils.exceptions import AstropyWarning
    except ImportError:
        return  # nor can it warn, then
    warnings.simplefilter("ignore", AstropyWarning)


def _damaged(path: Path, error: Exception) -> FormatError:
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    return FormatError(f"{path}: is damaged or cut short ({reason}). Download it again.")


@contextmanager
def _unpacked(path: Path) -> Iterator[IO[bytes]]:
    """The file, or what is in it if gzipped: whole and checked, because seeking in gzip starts over each time."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            yield file
            return
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as plain:
            with gzip.open(file) as stream:
                shutil.copyfileobj(stream, plain, 1 << 20)
            plain.seek(0)
            yield plain
