"""Members: chunks of samples inside tar files, written by webdataset and read back by seeking."""

import json
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from foundation.data.manifest import AGAIN, Extent, Member, Shard, ShardError
from foundation.data.places import Place
from foundation.files import sha256_of

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


def read_member(place: Place, shard: str, member: Member, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and text of one member of a shard; `index` is for messages.

    Raises:
        ShardError: the bytes cannot be read, differ from those written, or do not parse.
    """
    extents = (member.arrays, member.text)
    arrays, text = parts = place.read(shard, extents)
    if any(zlib.crc32(part) != extent.crc32 for part, extent in zip(parts, extents, strict=True)):
        raise ShardError(f"{place}/{shard}: member {index} is corrupt (checksum differs from the manifest's). {AGAIN}")
    try:
        return load(arrays), json.loads(text)
    except (SafetensorError, ValueError) as error:
        raise ShardError(f"{place}/{shard}: member {index} does not parse ({error}). {AGAIN}") from error


def _plain(value: Any) -> Any:  # noqa: ANN401 - numpy numbers, or a mapping that is no dict
    return value.item() if isinstance(value, np.generic) else dict(value)
