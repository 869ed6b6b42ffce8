"""Manifest: what a directory of shards holds, where each member lies, and how to tell whether a byte has changed.

A data set is one directory: `manifest.json` and tar files `shard-000000.tar`, ... Each tar holds members of many
samples, a member being a `.json` (keys, labels, text) and a `.safetensors` (arrays). One sample per member would be
some hundred times slower to read (docs/benchmarks.md).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from foundation.errors import FoundationError
from foundation.tokens import Space

SCHEMA = 1  # raised whenever older readers would misread what is written
NAME = "manifest.json"
REMAKE = {  # kind of data set -> how a user makes one
    "records": "foundation ingest FILES... --out DIR",
    "tokens": "foundation tokenize apply",
}
AGAIN = "Copy it again from its source, or write the data set again."


class ShardError(FoundationError):
    """A shard directory that cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True)
class Extent:
    """Bytes of one file inside a tar: where they start, how many, and their CRC-32."""

    offset: int
    size: int
    crc32: int


@dataclass(frozen=True)
class Member:
    """A chunk of consecutive samples, read with one seek."""

    samples: int
    arrays: Extent
    text: Extent


@dataclass(frozen=True)
class Shard:
    """One tar file."""

    name: str
    bytes: int
    sha256: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Manifest:
    """What a shard directory holds.

    Args:
        kind: "records" or "tokens".
        samples: how many, in all shards.
        shards: the tar files in order.
        statistics: records: modality -> {count, fraction}; tokens: space -> {count, fraction, tokens}.
        labels: label name -> {type, count}.
        tokenizer_hash: fingerprint of the tokenizers that made the tokens; empty for records.
        spaces: the legend of the tokens; empty for records.
        schema: version of this layout.
    """

    kind: str
    samples: int
    shards: tuple[Shard, ...]
    statistics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tokenizer_hash: str = ""
    spaces: tuple[Space, ...] = ()
    schema: int = SCHEMA

    @cached_property
    def members(self) -> tuple[tuple[str, Member], ...]:
        """(shard name, member) of all shards, in order."""
        return tuple((shard.name, member) for shard in self.shards for member in shard.members)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits that change whenever any byte of the data does."""
        digests = "".join(shard.sha256 for shard in self.shards)
        return hashlib.sha256(digests.encode()).hexdigest()[:12]

    def save(self, directory: Path) -> None:
        """Write `manifest.json` into a directory."""
        (directory / NAME).write_text(self.text())

    def text(self) -> str:
        """The content of `manifest.json`."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def load(cls, directory: Path) -> "Manifest":
        """Read `manifest.json` of a shard directory.

        Raises:
            ShardError: no manifest, one that does not parse, or one of another schema version.
        """
        path = Path(directory) / NAME
        if not path.is_file():
            raise ShardError(
                f"{directory}: there is no {NAME}, so this is no shard directory. Make one with "
                f"`{REMAKE['records']}` (records) or `{REMAKE['tokens']}` (tokens)."
            )
        return cls.parse(path.read_bytes(), str(path))

    @classmethod
    def parse(cls, text: bytes, where: str) -> "Manifest":
        """Read the content of a `manifest.json`; `where` is for messages.

        Raises:
            ShardError: it does not parse, or is of another schema version.
        """
        try:
            content = json.loads(text)
            schema = content["schema"]
        except (ValueError, KeyError, TypeError) as error:
            raise ShardError(f"{where}: this is not a manifest ({error}). Write the data set again.") from error
        if schema != SCHEMA:
            raise ShardError(
                f"{where}: the manifest has schema version {schema}, this program reads version {SCHEMA}. "
                "Write the data set again with this version of foundation, or install the one that wrote it."
            )
        return _parse(content, where)


def _parse(content: dict[str, Any], where: str) -> Manifest:
    try:
        shards = tuple(_shard(s) for s in content.pop("shards"))
        spaces = tuple(Space.restore(s) for s in content.pop("spaces"))
        return Manifest(shards=shards, spaces=spaces, **content)
    except (KeyError, TypeError, ValueError) as error:
        raise ShardError(f"{where}: the manifest is damaged ({error}). Write the data set again.") from error


def _shard(content: dict[str, Any]) -> Shard:
    members = tuple(Member(m["samples"], Extent(**m["arrays"]), Extent(**m["text"])) for m in content["members"])
    return Shard(content["name"], content["bytes"], content["sha256"], members)
