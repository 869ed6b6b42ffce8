"""RNA-BAnG checkpoints: the names and layouts of the released tensors, both ways (arXiv:2502.21274; 427 tensors).

Differences of layout, beside names: the release has the keys and values of each head side by side in one map; it
rotates adjacent pairs of a head's components and we the pairs (i, i + dim / 2), so the rows of queries and keys of
self-attention, and the norms over them, are stored in another order; and it stores frequencies, which are constants
here: they are compared with ours and left out.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

import torch
from torch import Tensor

from foundation.errors import FoundationError
from foundation.interop.layout import check_tensors, pair_order
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.position import rotary_frequencies, wave_frequencies
from foundation.model.anchored.transformer import AnchoredTransformer

Model = TypeVar("Model", bound=AnchoredTransformer)
PREFIX = "module."  # of models that were trained on several devices
NAMES = (  # of ours, and what they are in the release; \1 is the number of a block, \2 what follows the name
    (r"residues\.weight", "embedding_layer.residue_embedder_aa.0.weight"),
    (r"residue_norm\.weight", "embedding_layer.residue_embedder_aa.1.scale"),
    (r"symbols\.weight", "embedding_layer.residue_embedder_na.weight"),
    (r"kind\.weight", "embedding_layer.type_embedder_na.weight"),
    (r"symbol_norm\.weight", "embedding_layer.layer_norm.scale"),
    (r"head\.(\w+)", r"main_model.log_head.\1"),
    (r"protein_blocks\.(\d+)\.(.+)", r"main_model.trunk.encoder_aa_\1.\2"),
    (r"blocks\.(\d+)\.(.+)", r"main_model.trunk.encoder_na_\1.\2"),
)
PARTS = (  # of a block
    (r"\.attention\.", ".self_mha."),
    (r"\.cross\.distance\.", ".mha.sin_embed.proj."),
    (r"\.cross\.distance_norm\.weight", ".mha.sin_embed.norm.scale"),
    (r"\.cross\.", ".mha."),
    (r"\.geometric\.head_weight", ".geom_mha.head_weights"),
    (r"\.geometric\.(q|kv)\.", r".geom_mha.linear_\1_points."),
    (r"\.geometric\.", ".geom_mha."),
    (r"mha\.(q|kv|out)\.", r"mha.linear_\1."),
    (r"mha\.([qk])_norm\.weight", r"mha.norm_\1.scale"),
    (r"\.feed_forward\.into\.", ".feed_forward.0."),
    (r"\.feed_forward\.out\.", ".feed_forward.2."),
    (r"\.norm([123])\.weight", r".layer_norm_\1.scale"),
)
SPLIT = re.compile(r"(blocks\.\d+\.(?:attention|cross))\.(k|v)\.weight")  # one map in the release
TURNED = re.compile(r"blocks\.\d+\.attention\.(q|kv|[qk]_norm)\.")  # stored with a head's components in another order
TOLERANCE = 1e-5  # relative, of frequencies that were computed in float32


def released_name(name: str) -> str:
    """The name in the release of a parameter of AnchoredTransformer; a parameter it does not have keeps its own."""
    for pattern, replacement in NAMES:
        if re.fullmatch(pattern, name):
            name = re.sub(pattern, replacement, name)
            break
    for pattern, replacement in PARTS:
        name = re.sub(pattern, replacement, name)
    return name


def to_released(state: Mapping[str, Tensor], config: AnchoredConfig) -> dict[str, Tensor]:
    """Parameters of an AnchoredTransformer under the names and in the layout of the release, with its frequencies."""
    turned = {released_name(n): _reorder(n, t, config, back=True) for n, t in _joined(state, config.dim).items()}
    return turned | dict(_frequencies(config))


def from_released(
    tensors: Mapping[str, Tensor],
    config: AnchoredConfig,
    what: str = "checkpoint",
    kind: type[Model] = AnchoredTransformer,
) -> Model:
    """The model with these tensors, in evaluation mode.

    Args:
        tensors: under released names, with or without the prefix of models trained on several devices; all of them
            and none else.
        config: `config_of(tensors)`, perhaps with other options.
        what: the subject of errors.
        kind: the class to make.

    Raises:
        FoundationError: missing, extra or misshapen tensors, all of them listed, or frequencies that are not ours.
    """
    tensors = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}
    with torch.device("meta"):
        model = kind(config)
    constants = dict(_frequencies(config))
    joined = _joined(model.state_dict(), config.dim)
    wanted = {released_name(n): t for n, t in joined.items()}
    check_tensors(tensors, {n: t.shape for n, t in (wanted | constants).items()}, what)
    _check_frequencies(tensors, constants, what)
    ours = {n: _reorder(n, tensors[released_name(n)], config, back=False) for n in joined}
    model.load_state_dict(_parted(ours, config.dim), strict=True, assign=True)
    return model.requires_grad_(True).eval()


def config_of(tensors: Mapping[str, Tensor], what: str = "checkpoint") -> AnchoredConfig:
    """Sizes, inferred from names and shapes; the number of points is that of the release.

    Raises:
        FoundationError: these are not the tensors of RNA-BAnG.
    """
    tensors = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}
    try:
        trunk = "main_model.trunk.encoder_"
        first = f"{trunk}na_0.self_mha"
        depths = [1 + max(int(n.split("_na_")[1].split(".")[0]) for n in tensors if n.startswith(f"{trunk}na_"))]
        depths += [1 + max(int(n.split("_aa_")[1].split(".")[0]) for n in tensors if n.startswith(f"{trunk}aa_"))]
        dim = len(tensors[f"{first}.norm_q.scale"])
        heads = len(tensors[f"{first}.linear_q.weight"]) // dim
        geometric = f"{trunk}aa_0.geom_mha"
        return AnchoredConfig(
            width=tensors[f"{first}.linear_q.weight"].shape[1],
            depth=depths[0],
            protein_depth=depths[1],
            heads=heads,
            dim=dim,
            points=len(tensors[f"{geometric}.linear_q_points.weight"]) // (3 * heads),
            value_points=tensors[f"{geometric}.linear_out.weight"].shape[1] // (4 * heads),
            hidden=len(tensors[f"{trunk}na_0.feed_forward.0.bias"]),
        )
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        raise FoundationError(
            f"{what} holds {len(tensors)} tensors, not those of RNA-BAnG ({type(error).__name__}: {error}). "
            "Give the released file, or a directory that AnchoredModel.save_pretrained wrote."
        ) from error


def _frequencies(config: AnchoredConfig) -> Iterator[tuple[str, Tensor]]:
    """The constants that the release stores, by name."""
    trunk = "main_model.trunk.encoder_"
    rotary = rotary_frequencies(config.dim, config.base).float()
    yield from ((f"{trunk}aa_{i}.self_mha.rotary_emb.freqs", rotary) for i in range(config.protein_depth))
    yield from ((f"{trunk}na_{i}.self_mha.rotary_emb.freqs", rotary) for i in range(config.depth))
    sines = wave_frequencies(config.width).float()[None]
    yield from ((f"{trunk}na_{i}.mha.sin_embed.freqs", sines) for i in range(config.depth))


def _check_frequencies(tensors: Mapping[str, Tensor], constants: Mapping[str, Tensor], what: str) -> None:
    other = [n for n, t in constants.items() if not torch.allclose(tensors[n].cpu().float(), t, rtol=TOLERANCE, atol=0)]
    if other:
        raise FoundationError(
            f"{what}: {len(other)} tensors of frequencies, such as {other[0]}, are not those of the published model. "
            "Give a model with its rotary and distance codes."
        )


def _joined(state: Mapping[str, Tensor], dim: int) -> dict[str, Tensor]:
    """With one map for the keys and values of each attention, head by head."""
    joined = {}
    for name, tensor in state.items():
        found = SPLIT.search(name)
        if found is None:
            joined[name] = tensor
        elif found[2] == "k":
            values = state[name.replace(".k.", ".v.")]
            pair = [x.unflatten(0, (-1, dim)) for x in (tensor, values)]
            joined[name.replace(".k.", ".kv.")] = torch.stack(pair, 1).flatten(0, 2)
    return joined


def _parted(state: Mapping[str, Tensor], dim: int) -> dict[str, Tensor]:
    """`_joined` undone."""
    parted = {}
    for name, tensor in state.items():
        if name.endswith(("attention.kv.weight", "cross.kv.weight")):
            keys, values = tensor.unflatten(0, (-1, 2, dim)).unbind(1)
            parted |= {name.replace(".kv.", f".{x}."): t.flatten(0, 1) for x, t in (("k", keys), ("v", values))}
        else:
            parted[name] = tensor
    return parted


def _reorder(name: str, tensor: Tensor, config: AnchoredConfig, back: bool) -> Tensor:
    """Components of the heads of queries and keys, from adjacent pairs to halves or back."""
    found = TURNED.search(name)
    if not found:
        return tensor
    order = pair_order(config.dim, back).to(tensor.device)
    if found[1] == "q":
        return tensor.unflatten(0, (-1, config.dim))[:, order].flatten(0, 1)
    if found[1] == "kv":
        keys, values = tensor.unflatten(0, (-1, 2, config.dim)).unbind(1)
        return torch.stack([keys[:, order], values], 1).flatten(0, 2)
    return tensor[order]
