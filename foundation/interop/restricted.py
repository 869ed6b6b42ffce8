"""Restricted reading of PyTorch files that hold more than tensors: a list of harmless names, and nothing else is run.

Such a file is a zip with a pickle of the structure and a member for the numbers of each storage. A pickle can name any
function of Python and have it called; here a name outside the list ends the reading. Objects of omegaconf, in which
settings are often stored, become stand-ins that only hold what was stored in them.
"""

import io
import pickle
import typing
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from foundation.errors import FoundationError

STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
HARMLESS = {
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): defaultdict,
    ("typing", "Any"): typing.Any,
    **{("builtins", kind.__name__): kind for kind in (dict, list, tuple, set, int, str, float, bool)},
    **{("torch", name): dtype for name, dtype in STORAGES.items()},
    ("torch", "Size"): torch.Size,
}
SETTINGS = "omegaconf"
DAMAGE = (pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError, AttributeError, RuntimeError)


class StandIn:
    """An object of a class that is not imported; what was stored in it are its attributes."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments


def read_restricted(path: Path) -> object:
    """What `torch.save` stored, with stand-ins for settings.

    Raises:
        FoundationError: no such file, another format, a damaged one, or one that names anything outside the list.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(members) != 1:
                raise FoundationError(f"{path} is a zip without tensors. Give a file that torch.save wrote.")
            return _Reader(archive, members[0].removesuffix("data.pkl"), path).load()
    except FoundationError:
        raise
    except (OSError, zipfile.BadZipFile) as error:
        raise FoundationError(
            f"{path} cannot be opened as a PyTorch file ({error}). Copy it again, or save it with PyTorch 1.6 or later."
        ) from error
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:200]
        raise FoundationError(f"{path} is damaged ({type(error).__name__}: {reason}). Copy it again.") from error


def plain_settings(stored: object) -> object:
    """Stand-ins, and what holds them, as dictionaries, lists and values; interpolations stay as they are written."""
    if isinstance(stored, StandIn):
        held = vars(stored)
        return plain_settings(held.get("_content", held.get("_val")))
    if isinstance(stored, Mapping):
        return {str(key): plain_settings(value) for key, value in stored.items()}
    if isinstance(stored, list | tuple):
        return [plain_settings(value) for value in stored]
    return stored if isinstance(stored, str | int | float | bool | None) else str(stored)


class _Reader(pickle.Unpickler):
    """Finds nothing but what is on the list, and takes numbers from the members of the archive."""

    def __init__(self, archive: zipfile.ZipFile, folder: str, path: Path) -> None:
        super().__init__(io.BytesIO(archive.read(f"{folder}data.pkl")))
        self.archive, self.folder, self.path = archive, folder, path
        self.classes: dict[str, type] = {}  # made anew for each file, so that none can change another's
        self.storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> object:  # type: ignore[override]
        """The harmless thing of that name.

        Raises:
            FoundationError: it is not on the list.
        """
        if (module, name) in HARMLESS:
            return HARMLESS[module, name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return partial(_tensor)
        if module.split(".")[0] == SETTINGS and name.isidentifier():
            return self.classes.setdefault(f"{module}.{name}", type(name, (StandIn,), {}))
        raise FoundationError(
            f"{self.path} names {module}.{name}, which tensors and settings have no need of: it could run code and is "
            "not read. Ask its author for safetensors."
        )

    def persistent_load(self, pid: tuple) -> Tensor:
        """The numbers of a storage, as a vector."""
        _, dtype, key, _, count = pid
        if key not in self.storages:
            content = bytearray(self.archive.read(f"{self.folder}data/{key}"))
            if len(content) < count * dtype.itemsize:
                raise ValueError(f"storage {key} has {len(content)} bytes for {count} numbers")
            numbers = torch.frombuffer(content, dtype=dtype, count=count) if count else torch.empty(0, dtype=dtype)
            self.storages[key] = numbers
        return self.storages[key]


def _tensor(storage: Tensor, offset: int, size: tuple, stride: tuple, *unused: object) -> Tensor:
    """A tensor within its storage; PyTorch checks that it does not reach beyond."""
    return storage.as_strided(tuple(size), tuple(stride), offset).clone()
