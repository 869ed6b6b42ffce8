"""MIMIC checkpoints: the names and layouts of the released tensors, both ways (arXiv:2604.24506).

Differences of layout, beside names: the release stores the gain of a norm less 1; it rotates adjacent pairs of a head's
components and we the pairs (i, i + dim / 2), so rows of queries and keys are stored in another order; and it writes the
text table once for each text modality on either side, and the vector of each modality twice. Such copies have to be
equal here. The decoder's tables of what is not text are never used: they are checked for their shape and left out, and
written as copies of the encoder's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from foundation.errors import FoundationError
from foundation.interop.layout import check_tensors, pair_order
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.transformer import TrackTransformer
from foundation.tokens import Axis, Space

ROTATED = 0.75  # share of a head's components that is rotated in the release
PLACES = (Axis("place", "", 0, 1e6, 1),)
SIDES = ("encoder_embeddings", "decoder_embeddings")
TEXT = {"table.weight": "0.weight", "widen.weight": "1.weight", "widen.bias": "1.bias"} | {
    f"norm.{x}": f"2.{x}" for x in ("weight", "bias")
}
SINGLE = {"registers": "register_tokens", "query": "mask_token", "dropped": "drop_enc_mask"}
BLOCK = re.compile(r"(encoder|decoder)\.(\d+)\.(\w+)\.(?:(\w+)\.)?(weight|bias)")
HEAD = re.compile(r"\.(to_q|to_k)\.weight$")  # stored with a head's components in another order


def from_released(
    tensors: Mapping[str, Tensor], config: TrackConfig | None = None, what: str = "checkpoint"
) -> TrackTransformer:
    """The model with these tensors, in evaluation mode; its spaces are called as the modalities.

    Args:
        tensors: under released names, all of them and none else.
        config: `config_of(tensors)`, perhaps with other options.
        what: the subject of errors.

    Raises:
        FoundationError: missing, extra or misshapen tensors, all of them listed; or copies that differ.
    """
    config = config or config_of(tensors, what)
    with torch.device("meta"):
        model = TrackTransformer(config, spaces_of(tensors, what))
    sources = dict(_sources(model))
    wanted = {name: shape for parts in sources.values() for name, shape in parts} | _constants(model)
    check_tensors(tensors, wanted, what)
    _check_frequencies(tensors, model, what)
    ours = {n: _collapsed(n, [x for x, _ in parts], tensors, what) for n, parts in sources.items()}
    shapes = {n: t.shape for n, t in model.state_dict().items()}
    state = {n: _ours(sources[n][0][0], t, shapes.get(n, (config.width,)), config) for n, t in ours.items()}
    state["embed.space.weight"] = torch.stack([state.pop(f"embed.space.{s.name}") for s in model.spaces])
    model.load_state_dict(state, strict=True, assign=True)
    return model.requires_grad_(True).eval()


def to_released(model: TrackTransformer) -> dict[str, Tensor]:
    """The model's parameters under the names and in the layout of the release, copies included."""
    state = dict(model.state_dict())
    table = state.pop("embed.space.weight")
    state |= {f"embed.space.{s.name}": row for s, row in zip(model.spaces, table, strict=True)}
    released = {}
    for name, parts in _sources(model):
        for theirs, shape in parts:
            released[theirs] = _theirs(theirs, state[name], model.config).reshape(shape).clone()
    for name, theirs in _unused(model):
        released[theirs] = state[name].clone()
    frequencies = _frequencies(model.config).to(table.dtype)
    return released | {f"{side}.torso.rotary_pos_emb.inv_freq": frequencies.clone() for side in ("encoder", "decoder")}


def config_of(tensors: Mapping[str, Tensor], what: str = "checkpoint") -> TrackConfig:
    """Sizes, inferred from names and shapes; heads from the share of their components that is rotated.

    Raises:
        FoundationError: these are not the tensors of MIMIC.
    """
    try:
        registers, width = tensors["register_tokens"].shape[1:]
        rotated = 2 * len(tensors["encoder.torso.rotary_pos_emb.inv_freq"])
        layers = [1 + max(_numbers(tensors, f"{side}.torso.layers.")) for side in ("encoder", "decoder")]
        text = tuple(_modalities(tensors, "text_token_emb.0.weight"))
        return TrackConfig(
            width=width,
            depth=layers[0] // 2,
            decoder_depth=layers[1] // 3,
            heads=round(width * ROTATED / rotated),
            hidden=len(tensors["encoder.torso.layers.1.1.ff.0.0.bias"]),
            registers=registers,
            rotated=rotated,
            text=text,
            text_width=tensors[f"{SIDES[0]}.tok_{text[0]}.text_token_emb.0.weight"].shape[1] if text else width,
        )
    except (KeyError, ValueError, ZeroDivisionError, AttributeError) as error:
        raise FoundationError(
            f"{what} holds {len(tensors)} tensors, not those of MIMIC ({type(error).__name__}: {error}). "
            "Give the released model.safetensors."
        ) from error


def spaces_of(tensors: Mapping[str, Tensor], what: str = "checkpoint") -> tuple[Space, ...]:
    """A space for each modality that is given or asked, its size read from the tables' shapes.

    Raises:
        FoundationError: there is none.
    """
    heads = _modalities(tensors, "to_logits.weight", SIDES[1])
    sizes = {name: len(tensors[f"{SIDES[1]}.tok_{name}.to_logits.weight"]) for name in heads}
    if not sizes:
        raise FoundationError(f"{what} has no modality with a head. Give the released model.safetensors.")
    return tuple(Space(name, "discrete", size, PLACES) for name, size in sizes.items())


def head_order(config: TrackConfig, back: bool = False) -> Int[Tensor, "dim"]:
    """Components of a head, the first of them rotated in adjacent pairs, in our order, or back."""
    half, turned = config.dim // 2, config.rotated // 2
    pairs = pair_order(config.rotated).view(2, turned)  # firsts, seconds
    rest = torch.arange(config.rotated, config.dim).view(2, half - turned)
    order = torch.cat([pairs, rest], 1).flatten()
    return torch.argsort(order) if back else order


def _sources(model: TrackTransformer) -> Iterator[tuple[str, list[tuple[str, torch.Size]]]]:
    """Each of our parameters, and the tensors of the release that hold it, with their shapes; the vector of each space
    goes by itself.
    """
    vector = torch.Size([1, 1, model.config.width])
    for space in model.spaces:
        yield f"embed.space.{space.name}", [(f"{side}.tok_{space.name}.mod_emb", vector) for side in SIDES]
    for name, tensor in model.state_dict().items():
        if name != "embed.space.weight":
            shape = torch.Size([1] * (3 - tensor.dim()) + list(tensor.shape)) if name in SINGLE else tensor.shape
            yield name, [(theirs, shape) for theirs in _names(name, model)]


def _names(name: str, model: TrackTransformer) -> list[str]:
    """What a parameter of ours is called in the release; text has several copies."""
    kind, _, rest = name.partition(".")
    if name in SINGLE:
        return [SINGLE[name]]
    if name.startswith("embed.value."):
        return [f"{SIDES[0]}.tok_{name.split('.')[2]}.token_emb.weight"]
    if name.startswith("embed.text."):
        leaf = TEXT[name.removeprefix("embed.text.")]
        return [f"{side}.tok_{t}.text_token_emb.{leaf}" for t in model.config.text for side in SIDES]
    if kind == "heads":
        return [f"{SIDES[1]}.tok_{name.split('.')[2]}.to_logits.weight"]
    if kind == "context":
        return [f"decoder_proj_context.{rest}"]
    if kind in ("norm", "decoder_norm"):
        return [f"{'encoder' if kind == 'norm' else 'decoder'}.torso.final_norm.gamma"]
    return [_block_name(name)]


def _block_name(name: str) -> str:
    found = BLOCK.fullmatch(name)
    if not found:
        raise FoundationError(f"{name} is no parameter that MIMIC has. Export models of its layout only.")
    side, number, part, leaf, kind = found.groups()
    parts = ["attention", "feed_forward"] if side == "encoder" else ["attention", "cross", "feed_forward"]
    norms = ["norm1", "norm2"] if side == "encoder" else ["norm1", "cross_norm", "norm2"]
    layer = len(parts) * int(number) + (norms.index(part) if part in norms else parts.index(part))
    stem = f"{side}.torso.layers.{layer}"
    if part in norms:
        return f"{stem}.0.0.gamma"
    if part == "feed_forward":
        return f"{stem}.1.ff.{'0.0' if leaf == 'into' else '2'}.{kind}"
    return f"{stem}.1.to_{leaf}.{kind}"


def _unused(model: TrackTransformer) -> Iterator[tuple[str, str]]:
    """Our table, and the decoder's table of the same modality, which nothing reads."""
    for space in model.spaces:
        if space.name not in model.config.text:
            yield f"embed.value.{space.name}.weight", f"{SIDES[1]}.tok_{space.name}.token_emb.weight"


def _constants(model: TrackTransformer) -> dict[str, torch.Size]:
    """Tensors that are checked and left out."""
    state = model.state_dict()
    unused = {theirs: state[name].shape for name, theirs in _unused(model)}
    frequencies = torch.Size([model.config.rotated // 2])
    return unused | {f"{side}.torso.rotary_pos_emb.inv_freq": frequencies for side in ("encoder", "decoder")}


def _collapsed(name: str, theirs: list[str], tensors: Mapping[str, Tensor], what: str) -> Tensor:
    """One of the copies, after seeing that they are equal."""
    first, *others = (tensors[n] for n in theirs)
    differ = [n for n, t in zip(theirs[1:], others, strict=True) if not torch.equal(first, t)]
    if differ:
        raise FoundationError(
            f"{what}: {theirs[0]} and {differ[0]} differ, and both are {name} here. "
            "Give a checkpoint whose shared tensors are equal."
        )
    return first


def _ours(theirs: str, tensor: Tensor, shape: Sequence[int], config: TrackConfig) -> Tensor:
    if theirs.endswith("gamma"):
        return tensor + 1
    if HEAD.search(theirs):
        return tensor.unflatten(0, (config.heads, -1))[:, head_order(config)].flatten(0, 1)
    return tensor.reshape(shape)


def _theirs(theirs: str, tensor: Tensor, config: TrackConfig) -> Tensor:
    if theirs.endswith("gamma"):
        return tensor - 1
    if HEAD.search(theirs):
        return tensor.unflatten(0, (config.heads, -1))[:, head_order(config, back=True)].flatten(0, 1)
    return tensor


def _frequencies(config: TrackConfig) -> Tensor:
    return config.base ** (-2 * torch.arange(config.rotated // 2, dtype=torch.float64) / config.rotated)


def _check_frequencies(tensors: Mapping[str, Tensor], model: TrackTransformer, what: str) -> None:
    known = _frequencies(model.config)
    for side in ("encoder", "decoder"):
        found = tensors[f"{side}.torso.rotary_pos_emb.inv_freq"]
        tolerance = 1e-5 if found.dtype in (torch.float32, torch.float64) else 1e-2  # 16-bit files round them
        if not torch.allclose(found.cpu().double(), known, rtol=tolerance, atol=0):
            raise FoundationError(
                f"{what}: the rotary frequencies of the {side} are not those published. Give another."
            )


def _modalities(tensors: Mapping[str, Tensor], leaf: str, side: str = SIDES[0]) -> list[str]:
    pattern = re.compile(rf"{side}\.tok_(\w+)\.{re.escape(leaf)}")
    return [found[1] for name in tensors if (found := pattern.fullmatch(name))]


def _numbers(tensors: Mapping[str, Tensor], stem: str) -> Iterator[int]:
    return (int(name.removeprefix(stem).split(".")[0]) for name in tensors if name.startswith(stem))
