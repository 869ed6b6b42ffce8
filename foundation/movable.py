"""Movable: dataclasses of tensors that go to a device as a whole, by the methods that Lightning and PyTorch call."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TypeVar

import torch
from torch import Tensor

M = TypeVar("M", bound="Movable")


class Movable:
    """What a frozen dataclass inherits whose fields are tensors, such dataclasses, or plain values that stay."""

    def to(self: M, device: torch.device | str, non_blocking: bool = False) -> M:
        """The same on another device."""
        return _each(self, lambda part: part.to(device, non_blocking=non_blocking))

    def pin_memory(self: M) -> M:
        """The same in page-locked memory, for asynchronous copies to a GPU."""
        return _each(self, lambda part: part.pin_memory())


def _each(whole: M, moved: Callable) -> M:
    parts = {f.name: getattr(whole, f.name) for f in fields(whole)}  # pyright: ignore[reportArgumentType]
    changed = {name: moved(part) for name, part in parts.items() if isinstance(part, Tensor | Movable)}
    return replace(whole, **changed)  # pyright: ignore[reportType, reportArgumentType]
