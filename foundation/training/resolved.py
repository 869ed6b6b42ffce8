"""The resolved configuration of a run: every option with its value, as plain values that YAML and checkpoints take."""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from foundation.files import whole_file
from foundation.training.checkpoint import CheckpointError

FIXED = ("model", "network", "unet", "objective", "data", "policy", "seed")  # what a resumed run may not change
FREE = (  # but for these: the batches depend on the bytes, not on the place
    "data.workers",
    "data.train",
    "data.validation",
    "data.cache",
    "data.unreadable",
)


def plain(value: object) -> Any:  # noqa: ANN401 - whatever YAML can hold
    """Plain values for an option: dataclasses become mappings, paths become strings."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def by_class(value: object) -> Any:  # noqa: ANN401 - whatever YAML can hold
    """Plain values for an option that is an object of a chosen class: its class path and its arguments."""
    if isinstance(value, list | tuple):
        return [by_class(v) for v in value]
    if not is_dataclass(value) or isinstance(value, type):
        return plain(value)
    arguments = {f.name: by_class(getattr(value, f.name)) for f in fields(value) if f.init}
    kind = type(value)
    return {"class_path": f"{kind.__module__}.{kind.__qualname__}", "init_args": arguments}


def write(config: Mapping[str, Any], path: Path) -> None:
    """Write a YAML file that `foundation train --config` reads back."""
    with whole_file(path) as temporary:
        temporary.write_text(yaml.safe_dump(dict(config), sort_keys=False))


def check_same(now: Mapping[str, Any], then: Mapping[str, Any], checkpoint: Path) -> None:
    """Refuse to go on with another model, data, policy or seed than the checkpoint's.

    Raises:
        CheckpointError: names the first option that differs.
    """
    for section in FIXED:
        for name, new, old in _differences(section, now.get(section), then.get(section)):
            if name not in FREE:
                raise CheckpointError(
                    f"{checkpoint} was trained with {name} = {old}, this run has {new}; the two would not be one run. "
                    f"Set it back to go on, or give another `--out` to start anew."
                )


def _differences(name: str, new: object, old: object) -> list[tuple[str, object, object]]:
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        keys = list(dict.fromkeys([*new, *old]))
        return [d for k in keys for d in _differences(f"{name}.{k}", new.get(k), old.get(k))]
    return [] if new == old else [(name, new, old)]
