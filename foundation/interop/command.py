"""The `convert` verb: a released checkpoint, read without running anything in it, as safetensors and JSON."""

import json
from collections.abc import Mapping
from pathlib import Path

from foundation.errors import FoundationError

SETTINGS = "released.json"


def convert(checkpoint: Path, *, out: Path) -> None:
    """Turn a checkpoint of RNA-BAnG into a directory that AnchoredModel.from_pretrained reads.

    Its settings, if it holds any, are written beside the weights as released.json.

    Example:
        foundation convert icml.pth --out models/rnabang

    Args:
        checkpoint: the released .pth file.
        out: directory to write; it must not exist.

    Raises:
        FoundationError: the directory exists, the file is damaged, names what could run code, or is of another model.
    """
    from foundation.interop.restricted import plain_settings, read_restricted
    from foundation.interop.rnabang import config_of, from_released
    from foundation.model.anchored.pretrained import AnchoredModel

    if out.exists():
        raise FoundationError(f"{out} exists. Give a new directory, so that nothing is lost.")
    content = read_restricted(checkpoint)
    held = content.get("model", content) if isinstance(content, Mapping) else None
    if not isinstance(held, Mapping):
        raise FoundationError(f"{checkpoint} holds no weights under 'model'. Give the checkpoint as it was released.")
    model = from_released(held, config_of(held, str(checkpoint)), str(checkpoint), AnchoredModel)
    model.save_pretrained(out)
    if isinstance(content, Mapping) and "conf" in content:
        (out / SETTINGS).write_text(json.dumps(plain_settings(content["conf"]), indent=2) + "\n")
    print(f"wrote {out}: {sum(p.numel() for p in model.parameters()):,} parameters")
