"""What is wrong with the input of a field model, in one sentence each."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from foundation.errors import FoundationError
from foundation.model.fields.boundary import FLAGS
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.time_layer import MOST_FRAMES

AXES = "[sample, time, field, x, y, z]"


def check_names(names: Sequence[str]) -> None:
    """Of the fields that a model is to know.

    Raises:
        FoundationError: none, one twice, or that of a boundary flag.
    """
    twice = sorted({n for n in names if list(names).count(n) > 1 or n in FLAGS})
    if twice or not names:
        raise FoundationError(
            f"a field model over {len(names)} fields, {', '.join(twice) or 'none'} named twice or reserved. "
            f"Give at least one, each name once, and none of {', '.join(FLAGS)}."
        )


def columns_of(names: Sequence[str], known: Sequence[str]) -> Int[Tensor, "C"]:
    """The column of each field in the tables of encoder and decoder, after the flags.

    Raises:
        FoundationError: a field the model does not know, or one twice.
    """
    unknown = [n for n in names if n not in known]
    if unknown:
        raise FoundationError(
            f"the model has no field {', '.join(unknown)}; it has {', '.join(known)}. Rename the field, or add it to "
            "the model with add_fields and train it."
        )
    if len(set(names)) < len(names):
        raise FoundationError(f"fields {', '.join(names)}: one is there twice. Give each channel its own name.")
    return torch.tensor([len(FLAGS) + list(known).index(n) for n in names])


def check_values(values: Tensor, names: Sequence[str]) -> None:
    """Rank, order of the axes, number of frames and, where that makes no GPU wait, finiteness.

    Raises:
        FoundationError: something else than `AXES`, no axis of space longer than 1, too many frames, NaN or infinity.
    """
    shape = list(values.shape)
    if values.dim() != 6:
        raise FoundationError(f"values have shape {shape}. Give {AXES}; a plane has an axis of length 1.")
    if shape[2] != len(names):
        raise FoundationError(
            f"values have {shape[2]} fields on axis 2 of {shape}, and there are {len(names)} names. "
            f"Give {AXES} and one name a field."
        )
    if max(shape[3:]) == 1 or min(shape) == 0:
        raise FoundationError(f"values have shape {shape}. Give {AXES} with more than one point along some axis.")
    if shape[1] > MOST_FRAMES:
        raise FoundationError(f"a context of {shape[1]} frames. Give the last {MOST_FRAMES} of them or fewer.")
    if values.device.type == "cpu":
        check_finite(values, names)


def check_finite(values: Tensor, names: Sequence[str]) -> None:
    """Look at every value: a GPU has to finish its work first.

    Raises:
        FoundationError: NaN or infinity, with the fields that have them.
    """
    bad = ~torch.isfinite(values).all(1).flatten(2).all(-1).all(0)
    if bool(bad.any()):
        broken = [n for n, b in zip(names, bad.tolist(), strict=True) if b]
        raise FoundationError(
            f"{', '.join(broken)}: values are not finite. Fill such regions, for example with 0, and mark them by a "
            "constant field named mask."
        )


def check_dimensions(values: Tensor, dimensions: Sequence[int]) -> None:
    """Whether a model with networks for so many axes has one for these values.

    Raises:
        FoundationError: it has not.
    """
    wanted = 3 if min(values.shape[3:]) > 1 else 2
    if wanted not in dimensions:
        have = " and ".join(f"{d}D" for d in dimensions)
        raise FoundationError(
            f"values over {list(values.shape[3:])} points want an encoder for {wanted}D, the model has {have}. "
            f"Give fields of that kind, or a model with dimensions {wanted}."
        )


def check_grid(values: Tensor, tokens: tuple[int, int, int], config: FieldModelConfig) -> None:
    """Whether the model has a position for these tokens.

    Raises:
        FoundationError: it has not.
    """
    if config.grid is not None and tokens != config.grid:
        raise FoundationError(
            f"values over {list(values.shape[3:])} points make {tokens} tokens, the model has learned positions of "
            f"{config.grid}. Give fields on the grid that it was tuned on."
        )
