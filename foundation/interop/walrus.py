"""Walrus checkpoints: the names and layouts of the released tensors, both ways (arXiv:2511.15684; 857 or 938 tensors).

Differences of layout, beside names: linear maps over time are stored as convolutions of one point; Walrus rotates
consecutive pairs of a head's components and we the pairs (i, i + dim / 2), so the rows of queries and keys in space,
and the norms over them, are stored in another order.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from foundation.errors import FoundationError
from foundation.interop.layout import check_tensors, pair_order
from foundation.model.fields.boundary import FLAGS
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.transformer import FieldTransformer

Model = TypeVar("Model", bound=FieldTransformer)
AXES = "xyz"
PAIRS = tuple(a + b for a in AXES for b in AXES)
FIELDS = (  # the 64 fields of the release, in the order of their columns after the flags
    *("pressure", "velocity_x", "velocity_y", "velocity_z", "zeros_like_density", "speed_of_sound", "concentration"),
    *(f"D_{p}" for p in PAIRS),
    *(f"E_{p}" for p in PAIRS),
    *("density", "energy", "velocity_r", "velocity_theta", "velocity_phi", "momentum_x", "momentum_y", "momentum_z"),
    *("pressure_re", "pressure_im", "mask", "magnetic_field_x", "magnetic_field_y", "magnetic_field_z", "A", "B"),
    *("height", "internal_energy", "temperature", "electron_fraction", "entropy", "magnetic_field_log_r"),
    *("magnetic_field_theta", "magnetic_field_phi", "velocity_log_r", "buoyancy", "tracer", "log10_density"),
    *("log10_temperature", "c_zz"),
    *(f"C_{p}" for p in PAIRS),
)
NAMES = (  # pattern of ours, what replaces it in the release
    (r"^gain$", "encoder_dummy"),
    (r"^place$", "ape"),
    (r"^encoders\.(\d)\.(\w+)$", r"embed.\1.\2.weight"),
    (r"^decoders\.(\d)\.bias2$", r"debed.\1.proj2.bias"),
    (r"^decoders\.(\d)\.(\w+)$", r"debed.\1.\2.weight"),
    (r"\.time\.norm$", ".time_mixing.norm1.weight"),
    (r"\.time\.bias$", ".time_mixing.rel_pos_bias.relative_attention_bias.weight"),
    (r"\.time\.qkv\.", ".time_mixing.input_head."),
    (r"\.time\.out\.", ".time_mixing.output_head."),
    (r"\.time\.([qk])_norm\.", r".time_mixing.\1norm."),
    (r"\.space\.norm$", ".space_mixing.norm1.weight"),
    (r"\.space\.fused\.", ".space_mixing.fused_ff_qkv."),
    (r"\.space\.mlp_out\.", ".space_mixing.ff_out."),
    (r"\.space\.attn_out\.", ".space_mixing.attn_out."),
    (r"\.space\.([qk])_norm\.", r".space_mixing.\1_norm."),
    (r"\.space\.rotary\.frequency", ".space_mixing.rotary_emb.freqs"),
)
POINT = re.compile(r"\.time\.(qkv|out)\.weight$")  # stored as convolutions of one point
TURNED = re.compile(r"\.space\.(fused|[qk]_norm)\.")  # stored with the components of a head in another order


def released_name(name: str) -> str:
    """The name in the release of a tensor of FieldTransformer."""
    for pattern, replacement in NAMES:
        name, found = re.subn(pattern, replacement, name)
        if found:
            break
    return name


def to_released(state: Mapping[str, Tensor], config: FieldModelConfig) -> dict[str, Tensor]:
    """Tensors of a FieldTransformer under the names and in the layout of the release."""
    return {released_name(name): _released(name, tensor, config) for name, tensor in state.items()}


def from_released(
    tensors: Mapping[str, Tensor],
    config: FieldModelConfig,
    fields: Sequence[str],
    what: str = "checkpoint",
    kind: type[Model] = FieldTransformer,
) -> Model:
    """The model with these tensors, in evaluation mode; it shares their memory where the layout is the same.

    Args:
        tensors: under released names, all of them and none else.
        config: `config_of(tensors)`, perhaps with other options.
        fields: names of the columns after the flags.
        what: the subject of errors.
        kind: the class to make.

    Raises:
        FoundationError: missing, extra or misshapen tensors, all of them listed.
    """
    with torch.device("meta"):
        model = kind(config, fields)
    state = model.state_dict()
    wanted = {n: _released(n, t, config).shape for n, t in state.items()}
    check_tensors(tensors, {released_name(n): shape for n, shape in wanted.items()}, what)
    ours = {n: _ours(n, tensors[released_name(n)], t.shape, config) for n, t in state.items()}
    model.load_state_dict(ours, strict=True, assign=True)
    return model.requires_grad_(True).eval()


def config_of(tensors: Mapping[str, Tensor], what: str = "checkpoint") -> FieldModelConfig:
    """Sizes and parts, inferred from names and shapes.

    Raises:
        FoundationError: these are not the tensors of Walrus.
    """
    try:
        space, time = "blocks.0.space_mixing.", "blocks.0.time_mixing."
        dimensions = tuple(d for d in (2, 3) if f"embed.{d}.proj1.weight" in tensors)
        inner = tensors[f"embed.{dimensions[0]}.proj1.weight"].shape[0]
        learned = f"{space}rotary_emb.freqs.0" in tensors
        grid = tuple(tensors["ape"].shape[-3:]) if "ape" in tensors else None
        return FieldModelConfig(
            width=tensors[f"{space}norm1.weight"].shape[0],
            depth=1 + max(int(n.split(".")[1]) for n in tensors if n.startswith("blocks.")),
            heads=tensors[f"{time}rel_pos_bias.relative_attention_bias.weight"].shape[1],
            hidden=tensors[f"{space}ff_out.weight"].shape[1],
            inner=inner,
            frequencies=len(tensors[f"{space}rotary_emb.freqs" + (".0" if learned else "")]),
            dimensions=dimensions,
            rotary="learned" if learned else "fixed",
            grid=grid,  # type: ignore[arg-type]
        )
    except (KeyError, IndexError, ValueError) as error:
        raise FoundationError(
            f"{what} holds {len(tensors)} tensors, not those of Walrus ({type(error).__name__}: {error}). "
            "Give the released file, or a directory that FieldModel.save_pretrained wrote."
        ) from error


def columns_of(tensors: Mapping[str, Tensor], config: FieldModelConfig) -> int:
    """Fields that the tables have columns for, flags not counted."""
    return tensors[f"embed.{config.dimensions[0]}.proj1.weight"].shape[1] - len(FLAGS)


def _released(name: str, tensor: Tensor, config: FieldModelConfig) -> Tensor:
    if POINT.search(name):
        return tensor[..., None, None, None]
    if name == "place" and config.grid:
        return tensor.T.unflatten(1, config.grid)[None, None]
    return _reorder(name, tensor, config, back=True) if TURNED.search(name) else tensor


def _ours(name: str, tensor: Tensor, shape: torch.Size, config: FieldModelConfig) -> Tensor:
    if name == "place":
        return tensor.reshape(shape[1], shape[0]).T.contiguous()
    return _reorder(name, tensor, config, back=False) if TURNED.search(name) else tensor.reshape(shape)


def _reorder(name: str, tensor: Tensor, config: FieldModelConfig, back: bool) -> Tensor:
    """Components of the heads of queries and keys, from consecutive pairs to halves or back."""
    dim = config.width // config.heads
    order = pair_order(dim, back).to(tensor.device)
    if "_norm." in name:
        return tensor[order]
    mlp, queries_keys, values = tensor.split([2 * config.hidden, 2 * config.width, config.width])
    turned = queries_keys.unflatten(0, (-1, dim))[:, order].flatten(0, 1)
    return torch.cat([mlp, turned, values])
