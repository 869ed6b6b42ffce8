"""union: several shard directories as one data set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from foundation.data.manifest import Manifest, ShardError


def union(manifests: Sequence[Manifest], places: Sequence[str]) -> Manifest:
    """What the directories hold together, one after the other.

    Args:
        manifests: at least one.
        places: their names, for messages.

    Raises:
        ShardError: they are of different kinds, tokenizers or spaces.
    """
    first = manifests[0]
    for manifest, place in zip(manifests, places, strict=True):
        for what in ("kind", "tokenizer_hash", "spaces"):
            if getattr(manifest, what) != getattr(first, what):
                raise ShardError(
                    f"{place} and {places[0]} have different {what.replace('_', ' ')}, so they are not one data set. "
                    "Make both with the same tokenizers, or give one of them."
                )
    samples = sum(m.samples for m in manifests)
    shards = tuple(s for m in manifests for s in m.shards)
    statistics = _statistics([m.statistics for m in manifests], samples)
    return replace(first, samples=samples, shards=shards, statistics=statistics, labels=_labels(manifests))


def _statistics(tables: Iterable[Mapping[str, Mapping[str, float]]], samples: int) -> dict[str, dict[str, float]]:
    whole: dict[str, dict[str, float]] = {}
    for table in tables:
        for name, row in table.items():
            into = whole.setdefault(name, dict.fromkeys(row, 0))
            for what, value in row.items():
                into[what] = into[what] + value if what != "fraction" else 0
    return {name: row | {"fraction": row["count"] / samples} for name, row in sorted(whole.items())}


def _labels(manifests: Sequence[Manifest]) -> dict[str, dict[str, Any]]:
    types: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for name, row in ((name, row) for m in manifests for name, row in m.labels.items()):
        types.setdefault(name, set()).update(row["type"].split("|"))
        counts[name] = counts.get(name, 0) + row["count"]
    return {name: {"type": "|".join(sorted(types[name])), "count": counts[name]} for name in sorted(counts)}
