"""Shards: directories of tar files with many samples to a member, written whole or not at all, read by byte range."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from foundation.data.census import Census
from foundation.data.columns import decode_records, encode_records
from foundation.data.damage import Damage
from foundation.data.manifest import AGAIN, NAME, REMAKE, Manifest, ShardError
from foundation.data.members import Encode, read_member, write_shards
from foundation.data.places import place_of
from foundation.data.records import Sample
from foundation.data.token_columns import TokenSample, decode_tokens, encode_tokens
from foundation.data.union import union
from foundation.errors import RecordError
from foundation.files import whole_directory
from foundation.progress import track
from foundation.tokens import Space

__all__ = ["RecordShards", "ShardError", "TokenSample", "TokenShards", "write_records", "write_tokens"]
T = TypeVar("T", Sample, TokenSample)
Where = Path | str | Sequence[Path | str]  # one shard directory or URL, or several that are one data set
MEMBER_BYTES = 256 << 20  # of arrays, from which on a member takes no further sample, however few it has


def write_records(
    samples: Iterable[Sample],
    out: Path,
    total: int | None = None,
    samples_per_member: int = 64,
    members_per_shard: int = 64,
) -> Manifest:
    """Write samples as record shards; memory holds one member at a time.

    Args:
        samples: read once, in order.
        out: the directory; replaced only when the new one is complete.
        total: number of samples, if known, for the progress display.

    Raises:
        ShardError: no samples.
        FoundationError: the disk is full; nothing is left half-written.
    """
    return _write("records", samples, out, total, samples_per_member, members_per_shard, encode_records)


def write_tokens(
    samples: Iterable[TokenSample],
    out: Path,
    spaces: Sequence[Space],
    tokenizer_hash: str,
    total: int | None = None,
    samples_per_member: int = 256,
    members_per_shard: int = 64,
) -> Manifest:
    """Write tokenised samples as token shards; memory holds one member at a time.

    Args:
        samples: read once, in order; their spaces must be among `spaces`.
        out: the directory; replaced only when the new one is complete.
        spaces: the legend of the data set.
        tokenizer_hash: fingerprint of the tokenizers, so that readers can refuse codes of others.
        total: number of samples, if known, for the progress display.

    Raises:
        ShardError: no samples, a space that is not in `spaces`, or a code outside its space.
        FoundationError: the disk is full; nothing is left half-written.
    """
    legend = tuple(spaces)
    encode = partial(encode_tokens, spaces=legend)
    extra = {"tokenizer_hash": tokenizer_hash, "spaces": legend}
    return _write("tokens", samples, out, total, samples_per_member, members_per_shard, encode, **extra)


def _write(
    kind: str,
    samples: Iterable[T],
    out: Path,
    total: int | None,
    samples_per_member: int,
    members_per_shard: int,
    encode: Encode,
    **extra: Any,  # noqa: ANN401 - further fields of the manifest
) -> Manifest:
    if out.is_dir() and any(out.iterdir()) and not (out / NAME).is_file():
        raise ShardError(f"{out}: the directory holds other files, which would be lost. Write to a new directory.")
    if total is not None:
        samples = track(samples, f"writing {out}", total)
    seen = Census()
    chunks = _chunks(seen.watch(samples), samples_per_member)
    with whole_directory(out) as directory:
        shards = write_shards(chunks, directory, encode, members_per_shard)
        if not seen.samples:
            raise ShardError(f"{out}: there are no samples to write. Check the inputs; empty data sets are not made.")
        manifest = Manifest(kind, seen.samples, shards, seen.statistics(), seen.label_schema(), **extra)
        manifest.save(directory)
    return manifest


def _chunks(samples: Iterable[T], size: int) -> Iterator[list[T]]:
    chunk: list[T] = []
    held = 0
    for sample in samples:
        chunk.append(sample)
        held += _bytes(sample)
        if len(chunk) == size or held >= MEMBER_BYTES:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _bytes(sample: Sample | TokenSample) -> int:
    """Of the arrays of records; tokens are small."""
    if isinstance(sample, TokenSample):
        return 0
    parts = (part for record in sample.records.values() for part in vars(record).values())
    return sum(part.nbytes for part in parts if isinstance(part, np.ndarray))


class _Shards:
    """Shard directories opened for reading, as one; holds no open file, so it may be sent to another process.

    Args:
        path: the directory or its URL, or several of them.
        cache: directory for what is read from URLs; None = ~/.cache/foundation/shards.
        unreadable: share of the members that may be unreadable. Those in shards that are absent or cut are reported at
            once, others when a stream comes upon them.
    """

    kind: str

    def __init__(self, path: Where, cache: Path | None = None, unreadable: float = 0.0) -> None:
        places = [place_of(p, cache) for p in ([path] if isinstance(path, str | Path) else path)]
        if not places:
            raise ShardError("No shard directory was given. Name at least one.")
        manifests = [place.manifest() for place in places]
        for place, manifest in zip(places, manifests, strict=True):
            if manifest.kind != self.kind:
                raise ShardError(
                    f"{place}: holds {manifest.kind}, {self.kind} are wanted. Make them with `{REMAKE[self.kind]}`."
                )
        self.path = ", ".join(map(str, places))
        self.manifest = union(manifests, [str(p) for p in places])
        self._places = [p for p, m in zip(places, manifests, strict=True) for _ in m.members]
        self._shards = [(p, s) for p, m in zip(places, manifests, strict=True) for s in m.shards]
        self.damage = Damage(self.members, unreadable)
        self.damage.note(self._missing())

    def __len__(self) -> int:
        return self.manifest.samples

    @property
    def members(self) -> int:
        """Number of members, the unit of random access."""
        return len(self.manifest.members)

    def verify(self) -> None:
        """Read every byte and compare the checksums.

        Raises:
            ShardError: a shard differs from the one that was written.
        """
        for place, shard in track(self._shards, f"verifying {self.path}"):
            place.check(shard)
            if place.digest(shard.name) != shard.sha256:
                raise ShardError(
                    f"{place}/{shard.name}: the checksum differs from the manifest's, so bytes have changed. {AGAIN}"
                )

    def _missing(self) -> dict[int, str]:
        """Members in shards that are absent or cut, and what is wrong with each shard."""
        first, missing = 0, {}
        for place, shard in self._shards:
            try:
                place.check(shard)
            except ShardError as error:
                missing |= dict.fromkeys(range(first, first + len(shard.members)), str(error))
            first += len(shard.members)
        return missing

    def _read(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        name, member = self.manifest.members[index]
        return read_member(self._places[index], name, member, index)


class RecordShards(_Shards):
    """Samples of records, in the order in which they were written."""

    kind = "records"

    def member(self, index: int) -> list[Sample]:
        """The samples of one member."""
        arrays, text = self._read(index)
        try:
            return decode_records(arrays, text)
        except (KeyError, TypeError, RecordError) as error:
            raise ShardError(
                f"{self.path}: member {index} holds what this version refuses ({error}). {AGAIN}"
            ) from error

    def __iter__(self) -> Iterator[Sample]:
        for index in range(self.members):
            yield from self.member(index)


class TokenShards(_Shards):
    """Tokenised samples, in the order in which they were written.

    Args:
        path: the directory or its URL, or several of them, made with the same tokenizers.
        modalities: names of the spaces to read; empty = all. Tokens of others are left out.
        tokenizer_hash: fingerprint the codes must have; empty = any.
        cache: directory for what is read from URLs; None = ~/.cache/foundation/shards.
        unreadable: share of the members that may be unreadable. Those in shards that are absent or cut are reported at
            once, others when a stream comes upon them.

    Raises:
        ShardError: an unknown space, or codes of another tokenizer.
    """

    kind = "tokens"

    def __init__(
        self,
        path: Where,
        modalities: Sequence[str] = (),
        tokenizer_hash: str = "",
        cache: Path | None = None,
        unreadable: float = 0.0,
    ) -> None:
        super().__init__(path, cache, unreadable)
        stored = self.manifest.spaces
        unknown = [m for m in modalities if m not in {s.name for s in stored}]
        if unknown:
            raise ShardError(
                f"{self.path}: has no tokens of {', '.join(unknown)}; it has {', '.join(s.name for s in stored)}. "
                "Leave them out of `modalities`, or tokenise again with their tokenizers."
            )
        if tokenizer_hash and tokenizer_hash != self.manifest.tokenizer_hash:
            raise ShardError(
                f"{self.path}: made with tokenizer {self.manifest.tokenizer_hash}, {tokenizer_hash} is wanted; "
                "codes would not mean the same. Use the first, or tokenise again with `foundation tokenize apply`."
            )
        self.spaces = tuple(s for s in stored if s.name in modalities) if modalities else stored

    def member(self, index: int) -> list[TokenSample]:
        """The samples of one member."""
        arrays, text = self._read(index)
        try:
            return decode_tokens(arrays, text, self.manifest.spaces, self.spaces)
        except KeyError as error:
            raise ShardError(f"{self.path}: member {index} has no column {error}. {AGAIN}") from error

    def __iter__(self) -> Iterator[TokenSample]:
        for index in range(self.members):
            yield from self.member(index)
