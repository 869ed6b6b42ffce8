"""homes: which class reads the model that a directory, a hub name or a file of weights holds."""

from importlib import import_module
from pathlib import Path
from typing import Any

from foundation.errors import FoundationError
from foundation.model.stored import locate, released_tracks, stored_kind

OURS = "foundation.model.pretrained:FoundationModel"
FIELDS = "foundation.model.fields.pretrained:FieldModel"
TRACKS = "foundation.model.tracks.pretrained:TrackModel"
HOMES = {  # what config.json calls a kind -> the class that reads it
    None: OURS,
    "fields": FIELDS,
    "fields unet": "foundation.model.fields.stored_unet:FieldUNet",
    "anchored": "foundation.model.anchored.pretrained:AnchoredModel",
    "spectra": "foundation.model.spectra.pretrained:SpectralModel",
    "tracks": TRACKS,
}
CHECKPOINT = ".ckpt"  # of training, which has to be exported first


def home(name: str | Path, **options: object) -> str:
    """Where that class is, as module:class.

    Args:
        name: a directory that `save_pretrained` wrote, a directory or file in Walrus's layout, a directory in MIMIC's,
            or a hub name.
        options: of the download.

    Raises:
        FoundationError: nothing there, or a kind that this version does not know.
    """
    if Path(name).is_file():
        return OURS if Path(name).suffix == CHECKPOINT else FIELDS
    directory = locate(name, **options)
    if not (directory / "config.json").is_file():
        return FIELDS if any(directory.glob("*.yaml")) else OURS  # Walrus keeps the table of its fields in YAML
    kind = "tracks" if released_tracks(directory) else stored_kind(directory)
    if kind not in HOMES:
        raise FoundationError(f"{directory} holds a {kind!r} model, unknown to this version. Install a newer one.")
    return HOMES[kind]


def read_at(where: str, name: str | Path, device: str) -> Any:  # noqa: ANN401 - each home has its class
    """The model, by the class at `where`."""
    module, _, called = where.partition(":")
    return getattr(import_module(module), called).from_pretrained(name, device=device)
