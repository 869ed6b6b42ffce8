"""Places: where the bytes of a shard directory are, on a disk or behind a URL."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from foundation.data.manifest import AGAIN, Extent, Manifest, Shard, ShardError
from foundation.files import sha256_of


class Place(ABC):
    """A shard directory; holds no open file, so it may be sent to another process."""

    @abstractmethod
    def manifest(self) -> Manifest:
        """What is there.

        Raises:
            ShardError: no manifest, or one that cannot be used.
        """

    @abstractmethod
    def read(self, shard: str, extents: Sequence[Extent]) -> list[bytes]:
        """The bytes of some extents of one shard; their checksums are for the caller to compare.

        Raises:
            ShardError: the shard cannot be read.
        """

    @abstractmethod
    def check(self, shard: Shard) -> None:
        """Refuse a shard that is absent, empty or cut, without reading it.

        Raises:
            ShardError: the file has another size than when it was written.
        """

    @abstractmethod
    def digest(self, shard: str) -> str:
        """The SHA-256 of a whole shard, as hex digits."""


class Directory(Place):
    """A shard directory on a disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def manifest(self) -> Manifest:
        """What is there."""
        return Manifest.load(self.path)

    def read(self, shard: str, extents: Sequence[Extent]) -> list[bytes]:
        """The bytes of some extents of one shard."""
        path = self.path / shard
        try:
            with path.open("rb") as file:
                return [_read(file, extent) for extent in extents]
        except OSError as error:
            raise ShardError(f"{path}: the shard cannot be read ({error.strerror}). {AGAIN}") from error

    def check(self, shard: Shard) -> None:
        """Refuse a shard that is absent, empty or cut; costs one look at the directory."""
        path = self.path / shard.name
        if not path.is_file():
            raise ShardError(f"{path}: the manifest lists this shard but it is not there. {AGAIN}")
        size = path.stat().st_size
        if size != shard.bytes:
            state = "is empty" if size == 0 else f"has {size} bytes" + (", so it was cut" if size < shard.bytes else "")
            raise ShardError(f"{path}: the shard {state}; the manifest says {shard.bytes} bytes. {AGAIN}")

    def digest(self, shard: str) -> str:
        """The SHA-256 of a whole shard, as hex digits."""
        return sha256_of(self.path / shard)


def _read(file: BinaryIO, extent: Extent) -> bytes:
    file.seek(extent.offset)
    return file.read(extent.size)


def place_of(where: Path | str, cache: Path | None = None) -> Place:
    """The place that a user names: a directory, or a URL such as `s3://bucket/tokens` or `https://host/tokens`.

    Args:
        where: its name.
        cache: directory for what is read from URLs; None = ~/.cache/foundation/shards.
    """
    if "://" in str(where):
        from foundation.data.remote import Remote  # fsspec, which directories do without

        return Remote(str(where), cache)
    return Directory(Path(where))
