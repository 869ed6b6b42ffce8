"""Columns: a chunk of samples as a few flat arrays plus JSON, and back, bit for bit.

Records become columns by their dataclass fields, so that a new kind of record needs no code here: array fields go
into arrays, everything else into JSON. Equal arrays (a survey's wavelength grid, an empty pixel mask) are stored once
a chunk. Lists in the JSON come back as tuples, for records hold no lists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from foundation.data.manifest import ShardError
from foundation.data.records import RECORDS, Record, Sample

Arrays = dict[str, np.ndarray]
Text = dict[str, Any]
_KIND = {cls: kind for kind, cls in RECORDS.items()}


def encode_records(samples: Sequence[Sample]) -> tuple[Arrays, Text]:
    """Samples as arrays and JSON-able text; arrays keep their dtype exactly."""
    groups: dict[tuple[str, str], list[int]] = {}
    for row, sample in enumerate(samples):
        for modality, record in sample.records.items():
            groups.setdefault((modality, _kind(record, sample.key)), []).append(row)
    arrays: Arrays = {}
    text: Text = {
        "keys": [s.key for s in samples],
        "labels": [dict(s.labels) for s in samples],
        "origin": [dict(s.origin) for s in samples],
        "groups": [],
    }
    for (modality, kind), rows in groups.items():
        plain: dict[str, list] = {}
        for field in fields(RECORDS[kind]):
            column = [getattr(samples[row].records[modality], field.name) for row in rows]
            name = f"{modality}.{kind}.{field.name}"
            if any(isinstance(value, np.ndarray) for value in column):
                arrays |= _flatten(column, name)
            else:
                plain[field.name] = column
        text["groups"].append({"modality": modality, "kind": kind, "rows": rows, "fields": plain})
    return arrays, text


def decode_records(arrays: Mapping[str, np.ndarray], text: Mapping[str, Any]) -> list[Sample]:
    """What `encode_records` was given; records are validated again, and may share equal arrays."""
    records: list[dict[str, Record]] = [{} for _ in text["keys"]]
    for group in text["groups"]:
        modality, kind, rows = group["modality"], group["kind"], group["rows"]
        if kind not in RECORDS:
            raise ShardError(f"records of kind {kind!r} are unknown here; there are {', '.join(RECORDS)}")
        columns = {name: [_frozen(v) for v in column] for name, column in group["fields"].items()}
        prefix = f"{modality}.{kind}."
        for field in fields(RECORDS[kind]):
            if field.name not in columns and prefix + field.name in arrays:
                columns[field.name] = _unflatten(arrays, prefix + field.name)
        for i, row in enumerate(rows):
            records[row][modality] = RECORDS[kind](**{name: column[i] for name, column in columns.items()})
    parts = zip(text["keys"], records, text["labels"], text["origin"], strict=True)
    return [Sample(key, record, labels, origin) for key, record, labels, origin in parts]


def _kind(record: Record, key: str) -> str:
    if type(record) not in _KIND:
        raise ShardError(
            f"Sample {key!r} holds a {type(record).__name__}, which no shard can store. "
            f"Use one of {', '.join(c.__name__ for c in _KIND)}, or add it to foundation.data.records.RECORDS."
        )
    return _KIND[type(record)]


def _flatten(column: Sequence[np.ndarray | None], name: str) -> Arrays:
    """Arrays of any shape as their distinct values end to end, their shapes, and which one each row has."""
    distinct: dict[tuple, int] = {}
    kept: list[np.ndarray] = []
    index = np.full(len(column), -1, np.int32)  # -1 = None
    for row, array in enumerate(column):
        if array is None:
            continue
        identity = (array.dtype.str, array.shape, array.tobytes())
        if identity not in distinct:
            distinct[identity] = len(kept)
            kept.append(array)
        index[row] = distinct[identity]
    if len({(a.dtype, a.ndim) for a in kept}) > 1:
        raise ShardError(
            f"Arrays of {name} differ in type or in number of axes. Let the record's constructor fix both."
        )
    return {
        name: np.concatenate([a.ravel() for a in kept]),
        f"{name}.shape": np.array([a.shape for a in kept], np.int64).reshape(len(kept), kept[0].ndim),
        f"{name}.index": index,
    }


def _unflatten(arrays: Mapping[str, np.ndarray], name: str) -> list[np.ndarray | None]:
    shapes = arrays[f"{name}.shape"]
    ends = np.cumsum(shapes.prod(1))
    distinct = [part.reshape(shape) for part, shape in zip(np.split(arrays[name], ends[:-1]), shapes, strict=True)]
    return [None if i < 0 else distinct[i] for i in arrays[f"{name}.index"]]


def _frozen(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
