"""Files of Walrus: state dicts as PyTorch or safetensors store them, and the table of fields in YAML beside them."""

from collections.abc import Sequence
from pathlib import Path

import torch
import yaml

from foundation.errors import FoundationError
from foundation.files import whole_directory
from foundation.interop.tensors import read_tensors
from foundation.interop.walrus import FIELDS, Model, columns_of, config_of, from_released, to_released
from foundation.model.fields.boundary import FLAGS
from foundation.model.fields.transformer import FieldTransformer

SUFFIXES = (".pt", ".pth", ".bin", ".safetensors")
TABLE = "field_index_map_override"
NAME, CONFIG = "walrus.pt", "extended_config.yaml"


def read_walrus(path: Path, names: Sequence[str] | None = None, kind: type[Model] = FieldTransformer) -> Model:
    """The model in a released or finetuned file, or in a directory with one such file and its YAML.

    Args:
        path: what it is stored in.
        names: of the fields, column by column, flags left out; None = of the YAML, else the released table.
        kind: the class to make.

    Raises:
        FoundationError: no such file or several, one that is damaged or would run code, tensors missing or left over,
            or fewer or more names than columns.
    """
    file = _only_file(path)
    tensors = read_tensors(file)
    config = config_of(tensors, str(file))
    if names is None:
        names = _stored_names(file.parent) or FIELDS
    if len(names) != columns_of(tensors, config):
        raise FoundationError(
            f"{file} has columns for {columns_of(tensors, config)} fields, and {len(names)} names are known. "
            f"Put its {CONFIG} beside it, or give all names in order."
        )
    return from_released(tensors, config, names, str(file), kind)


def write_walrus(model: FieldTransformer, directory: Path) -> None:
    """Weights and table of fields as the released code reads them: walrus.pt and extended_config.yaml.

    Raises:
        FoundationError: the directory exists, the disk is full, or the model has parts that Walrus has not.
    """
    if model.config.extrapolate or model.config.sees_increments:
        raise FoundationError(
            "The model extrapolates or sees increments, which Walrus does not; in its layout it would go wrong. "
            "Train with `--model.extrapolate 0 --model.sees_increments false` to export there."
        )
    if directory.exists():
        raise FoundationError(f"{directory} exists. Give a new directory, so that nothing is lost.")
    tensors = {n: t.detach().cpu().contiguous() for n, t in to_released(model.state_dict(), model.config).items()}
    table = {name: index for index, name in enumerate((*FLAGS, *model.names))}
    with whole_directory(directory) as temporary:
        torch.save({"app": {"model": tensors}}, temporary / NAME)
        (temporary / CONFIG).write_text(yaml.safe_dump({"data": {TABLE: table}}, sort_keys=False))


def _only_file(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(p for p in path.glob("*") if p.suffix in SUFFIXES)
    if len(found) != 1:
        raise FoundationError(
            f"{path} holds {len(found)} files of weights ({', '.join(p.name for p in found) or 'none'}). "
            f"Give one file that ends with {', '.join(SUFFIXES)}, or a directory with one."
        )
    return found[0]


def _stored_names(directory: Path) -> tuple[str, ...] | None:
    """The fields of the only YAML that has a table of them, by column; None without."""
    tables = {}
    for path in sorted(directory.glob("*.yaml")):
        content = yaml.safe_load(path.read_text())
        data = content.get("data") if isinstance(content, dict) else None
        if isinstance(data, dict) and data.get(TABLE):
            tables[path] = data[TABLE]
    if not tables:
        return None
    if len(tables) > 1:
        raise FoundationError(f"{directory} has several tables of fields ({', '.join(map(str, tables))}). Keep one.")
    path, table = next(iter(tables.items()))
    by_column = sorted(table, key=table.get)
    if [table[n] for n in by_column] != list(range(len(table))) or tuple(by_column[: len(FLAGS)]) != FLAGS:
        raise FoundationError(
            f"{path}: {TABLE} should number {', '.join(FLAGS)} and then the fields from 0 without a gap. Mend it."
        )
    return tuple(by_column[len(FLAGS) :])
