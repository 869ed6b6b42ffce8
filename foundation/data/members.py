"""Members: chunks of samples inside tar files, written by webdataset and read back by seeking."""

import hashlib
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from foundation.data.manifest import Extent, Member, Shard, ShardError

AGAIN = "Copy it again from its source, or write the data set again."
T = TypeVar("T")
Encode = Callable[[Sequence[T]], tuple[dict[str, np.ndarray], dict[str, Any]]]


def write_shards(
    chunks: Iterator[list[T]], directory: Path, encode: Encode, members_per_shard: int
) -> tuple[Shard, ...]:
    """Write each chunk as a member, `members_per_shard` to a tar; memory holds one chunk."""
    shards: list[Shard] = []
    for first in chunks:
        path = directory / f"shard-{len(shards):06d}.tar"
        rest = islice(chunks, members_per_shard - 1)
        shards.append(_write_shard(path, first, rest, encode))
    return tuple(shards)


def _write_shard(path: Path, first: list[T], rest: Iterator[list[T]], encode: Encode) -> Shard:
    from webdataset.writer import TarWriter  # takes a second to import, and reading does without it

    counts, sums = [], []
    with path.open("wb") as file, closing(TarWriter(file, encoder=False, mtime=0)) as tar:
        chunk: list[T] | None = first
        while chunk:
            arrays, text = encode(chunk)
            parts = {"safetensors": save(arrays), "json": json.dumps(text, default=_plain).encode()}
            tar.write({"__key__": f"{len(counts):06d}", **parts})
            counts.append(len(chunk))
            sums.append({name: zlib.crc32(content) for name, content in parts.items()})
            chunk = next(rest, None)
    with tarfile.open(path) as tar:  # where webdataset put them
        at = {m.name: (m.offset_data, m.size) for m in tar}
    members = tuple(
        Member(n, *(Extent(*at[f"{i:06d}.{name}"], crc[name]) for name in ("safetensors", "json")))
        for i, (n, crc) in enumerate(zip(counts, sums, strict=True))
    )
    return Shard(path.name, path.stat().st_size, sha256_of(path), members)


def read_member(path: Path, member: Member, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and text of one member of the tar at `path`; `index` is for messages.

    Raises:
        ShardError: the bytes are missing, differ from those written, or do not parse.
    """
    with path.open("rb") as file:
        arrays, text = (_checked(file, extent, path, index) for extent in (member.arrays, member.text))
    try:
        return load(arrays), json.loads(text)
    except (SafetensorError, ValueError) as error:
        raise ShardError(f"{path}: member {index} does not parse ({error}). {AGAIN}") from error


def check_size(path: Path, shard: Shard) -> None:
    """Refuse a shard that is absent, empty or cut; costs one look at the directory.

    Raises:
        ShardError: the file has another size than when it was written.
    """
    if not path.is_file():
        raise ShardError(f"{path}: the manifest lists this shard but it is not there. {AGAIN}")
    size = path.stat().st_size
    if size != shard.bytes:
        state = "is empty" if size == 0 else f"has {size} bytes" + (", so it was cut" if size < shard.bytes else "")
        raise ShardError(f"{path}: the shard {state}; the manifest says {shard.bytes} bytes. {AGAIN}")


def sha256_of(path: Path) -> str:
    """Hex digest of a whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(file: BinaryIO, extent: Extent, path: Path, index: int) -> bytes:
    file.seek(extent.offset)
    content = file.read(extent.size)
    if zlib.crc32(content) != extent.crc32:
        raise ShardError(f"{path}: member {index} is corrupt (checksum differs from the manifest's). {AGAIN}")
    return content


def _plain(value: Any) -> Any:  # noqa: ANN401 - numpy numbers, or a mapping that is no dict
    return value.item() if isinstance(value, np.generic) else dict(value)
