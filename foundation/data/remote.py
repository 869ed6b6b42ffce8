"""Remote: shards behind a URL, read by byte range through fsspec, with retries and a cache of checked bytes."""

import hashlib
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from foundation.data.manifest import NAME, Extent, Manifest, Shard, ShardError
from foundation.data.places import Place
from foundation.errors import FoundationError
from foundation.extras import PACKAGE
from foundation.files import whole_file

CACHE = Path("~/.cache/foundation/shards")
BLOCK = 16 << 20  # bytes asked for at once when a whole shard is read
T = TypeVar("T")


class _WrongBytesError(OSError):
    """Bytes that are not those which the manifest describes."""


class Remote(Place):
    """A shard directory behind a URL of any protocol that fsspec knows, such as https or s3.

    Only the members that are asked for travel, each once: it is kept in the cache, where all processes of a machine
    find it. What arrives is compared with the manifest's checksums before it is kept, and again when it is read.

    Args:
        url: of the directory.
        cache: directory for members that were read; None = ~/.cache/foundation/shards.
        attempts: how often a read is tried, with pauses that double.
        pause: seconds before the second attempt.
        seconds: after which an attempt that does not answer has failed.

    Raises:
        FoundationError: the protocol is unknown, or its library is not installed.
    """

    def __init__(
        self, url: str, cache: Path | None = None, attempts: int = 4, pause: float = 0.5, seconds: float = 60.0
    ) -> None:
        self.url = url.rstrip("/")
        self.cache = (cache or CACHE).expanduser() / hashlib.sha256(self.url.encode()).hexdigest()[:16]
        self.attempts, self.pause, self.seconds = attempts, pause, seconds
        self._files()  # fails here, not at the first read

    def __str__(self) -> str:
        return self.url

    def manifest(self) -> Manifest:
        """What is there; always asked for anew."""
        return Manifest.parse(self._tried(NAME, lambda: self._fetch(NAME)), f"{self.url}/{NAME}")

    def read(self, shard: str, extents: Sequence[Extent]) -> list[bytes]:
        """The bytes of some neighbouring extents of one shard, from the cache if they are there."""
        start = min(e.offset for e in extents)
        end = max(e.offset + e.size for e in extents)
        kept = self.cache / shard / str(start)
        if kept.is_file() and (parts := _parts(kept.read_bytes(), start, extents)) is not None:
            return parts
        return self._tried(shard, lambda: self._keep(kept, shard, start, end, extents))

    def check(self, shard: Shard) -> None:
        """Nothing: asking for the size of every shard would take longer than finding out while reading."""

    def digest(self, shard: str) -> str:
        """The SHA-256 of a whole shard, as hex digits; reads all of it and keeps none."""
        digest, at = hashlib.sha256(), 0
        size = self._tried(shard, lambda: self._call("info", shard)["size"])
        while at < size:
            end = min(at + BLOCK, size)
            digest.update(self._tried(shard, lambda start=at, end=end: self._fetch(shard, start, end)))
            at = end
        return digest.hexdigest()

    def _keep(self, kept: Path, shard: str, start: int, end: int, extents: Sequence[Extent]) -> list[bytes]:
        content = self._fetch(shard, start, end)
        if (parts := _parts(content, start, extents)) is None:
            raise _WrongBytesError("the checksum differs from the manifest's")
        with whole_file(kept) as path:
            path.write_bytes(content)
        return parts

    def _fetch(self, name: str, start: int | None = None, end: int | None = None) -> bytes:
        content = self._call("cat_file", name, start=start, end=end)
        if start is not None and end is not None and len(content) != end - start:
            raise _WrongBytesError(
                f"{end - start} bytes were asked for and {len(content)} came; the server must serve byte ranges"
            )
        return content

    def _tried(self, name: str, attempt: Callable[[], T]) -> T:
        """The result of the first attempt that succeeds."""
        for left in reversed(range(self.attempts)):
            try:
                return attempt()
            except FoundationError:  # the disk of the cache is full, say: another attempt would not help
                raise
            except Exception as error:  # every protocol has errors of its own
                if not left or isinstance(error, FileNotFoundError):
                    tried = f"{self.attempts - left} attempt" + "s" * (self.attempts - left > 1)
                    raise ShardError(
                        f"{self.url}/{name}: cannot be read ({tried}; {type(error).__name__}: {error}). Check the "
                        "address and the network, or copy the data set to a disk."
                    ) from error
                time.sleep(self.pause * 2 ** (self.attempts - 1 - left))
        raise AssertionError("an attempt either returns or raises")

    def _call(self, what: str, name: str, **options: Any) -> Any:  # noqa: ANN401 - whatever fsspec's method gives
        from fsspec.asyn import AsyncFileSystem, sync

        files, root = self._files()
        path = f"{root}/{name}"
        if isinstance(files, AsyncFileSystem):  # these can be told how long to wait
            return sync(files.loop, getattr(files, f"_{what}"), path, timeout=self.seconds, **options)
        return getattr(files, what)(path, **options)

    def _files(self) -> tuple[Any, str]:
        """The file system and the path in it; fsspec keeps one for each process, as connections survive no fork."""
        from fsspec.core import url_to_fs

        try:
            files, path = url_to_fs(self.url)
        except ImportError as error:
            raise FoundationError(f"{self.url}: {error}. Type `pip install '{PACKAGE}[remote]'`.") from error
        except ValueError as error:
            raise FoundationError(f"{self.url}: {error}. Give a directory, or a URL such as s3://bucket/x.") from error
        return files, path


def _parts(content: bytes, start: int, extents: Sequence[Extent]) -> list[bytes] | None:
    """The extents in a stretch of bytes that begins at `start`; None if a checksum differs."""
    parts = [content[e.offset - start : e.offset - start + e.size] for e in extents]
    intact = all(zlib.crc32(part) == e.crc32 for part, e in zip(parts, extents, strict=True))
    return parts if intact else None
