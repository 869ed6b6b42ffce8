"""AION-1 checkpoints: the names and layouts of the released tensors, both ways (arXiv:2510.17960; base has 731).

Differences of layout, beside names: the release stores the two halves of each gated map apart, the vector of each key
twice (in a file once, with a note of the other name), and what is constant: codes of positions, and biases of norms,
which are zero. The constants are compared with ours and left out.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.config import ModelConfig
from foundation.errors import FoundationError
from foundation.interop.layout import check_tensors
from foundation.model.position import SEQUENCE, GridSines
from foundation.model.transformer import FoundationTransformer
from foundation.sampling.template import template
from foundation.tokens import Axis, Space

Model = TypeVar("Model", bound=FoundationTransformer)
NAMES = (  # of ours, and what they are in the release
    (r"embed\.query", "mask_token"),
    (r"embed\.value\.(\w+)\.weight", r"encoder_embeddings.\1.token_emb.weight"),
    (r"decoder_values\.(\w+)\.weight", r"decoder_embeddings.\1.token_emb.weight"),
    (r"heads\.output\.(\w+)\.weight", r"decoder_embeddings.\1.to_logits.weight"),
    (r"context\.(\w+)", r"decoder_proj_context.\1"),
    (r"norm\.weight", "encoder_norm.weight"),
    (r"(.+)\.core\.(.+)", r"\1.\2"),
    (r"(.+)\.mlp\.down\.weight", r"\1.mlp.fc2.weight"),
)
SPACES, GATED = "embed.space.weight", re.compile(r"(.+\.mlp)\.gate_up\.weight")
LONGEST = 512  # places of a sequence for which the release stores codes
TOLERANCE = 1e-4  # of codes of positions, which were computed in float32


def released_config(behaviour: bool, **sizes: float) -> ModelConfig:
    """The parts of AION-1.

    Args:
        behaviour: as its released inference has it: each query of an object gathers the mean of all of them, and
            embeddings are what the decoder sees. Otherwise queries attend to those of their own key, as they were
            trained to, and embeddings are the encoder's states.
        sizes: width, depth, decoder_depth, heads, mlp_ratio.
    """
    config = ModelConfig(position="grid", queries_see="space", decoder_values=True, **sizes)  # type: ignore[arg-type]
    return replace(config, queries_see="mean", features="context") if behaviour else config


def to_released(state: Mapping[str, Tensor], config: ModelConfig, spaces: Sequence[Space]) -> dict[str, Tensor]:
    """Tensors of a FoundationTransformer under the names and in the layout of the release, with its constants.

    Raises:
        FoundationError: the model has parts that the release has not, or lacks some.
    """
    check_parts(config)
    released = {}
    for name, tensor in state.items():
        names = _released_names(name, spaces)
        parts = tensor.chunk(len(names)) if len(names) > 1 else (tensor,)
        single = name in (SPACES, "embed.query")
        released |= {n: part.view(1, 1, -1) if single else part for n, part in zip(names, parts, strict=True)}
    own = {n.replace("encoder_", "decoder_", 1): t.clone() for n, t in released.items() if n.endswith(".mod_emb")}
    return released | own | _constants(released, config, spaces)


def from_released(
    tensors: Mapping[str, Tensor],
    config: ModelConfig,
    spaces: Sequence[Space],
    make: Callable[[ModelConfig, Sequence[Space]], Model],
    what: str = "checkpoint",
) -> Model:
    """The model with these tensors, in evaluation mode; it shares their memory where the layout is the same.

    Args:
        tensors: under released names, all of them and none else.
        config: of `released_config`.
        spaces: those of its keys.
        make: the class to make, or a function that makes one.
        what: the subject of errors.

    Raises:
        FoundationError: missing, extra or misshapen tensors, all of them listed, or constants that are not AION-1's.
    """
    with torch.device("meta"):
        model = make(config, spaces)
    shapes = {n: t.shape for n, t in to_released(model.state_dict(), config, spaces).items()}
    check_tensors(tensors, shapes, what)
    _check_constants(tensors, _constants(tensors, config, spaces), what)
    ours = {}
    for name, tensor in model.state_dict().items():
        parts = [tensors[n].reshape(-1, *tensor.shape[1:]) for n in _released_names(name, spaces)]
        ours[name] = torch.cat(parts) if len(parts) > 1 else parts[0]
    model.load_state_dict(ours, strict=True, assign=True)
    model.position = GridSines(spaces, config.width)  # its tables are not among the tensors
    return model.requires_grad_(True).eval()


def check_parts(config: ModelConfig) -> None:
    """Refuse what the release has no place for.

    Raises:
        FoundationError: naming the options that differ, and what they have to be.
    """
    wanted = {"position": "grid", "qk_norm": True, "norm": "layer", "decoder_values": True}
    wrong = {n: v for n, v in wanted.items() if getattr(config, n) != v} | (
        {} if config.decoder_depth else {"decoder_depth": 12}
    )
    if wrong:
        options = " ".join(f"--model.{n} {str(v).lower()}" for n, v in wrong.items())
        raise FoundationError(f"The model differs from AION-1 in {', '.join(wrong)}. Train it with `{options}`.")


def _released_names(name: str, spaces: Sequence[Space]) -> list[str]:
    """The tensors of the release that ours consists of, in order; a tensor it does not have keeps its own name."""
    if name == SPACES:
        return [f"encoder_embeddings.{s.name}.mod_emb" for s in spaces]
    if gated := GATED.fullmatch(name):
        return [f"{gated[1]}.fc1.weight", f"{gated[1]}.fc3.weight"]
    for pattern, replacement in NAMES:
        if re.fullmatch(pattern, name):
            return [re.sub(pattern, replacement, name)]
    return [name]


def _constants(released: Mapping[str, Tensor], config: ModelConfig, spaces: Sequence[Space]) -> dict[str, Tensor]:
    """What the release stores beside weights, by name."""
    norms = [n for n in released if re.search(r"norm\d?\.weight$", n)]
    biases = {n.removesuffix("weight") + "bias": torch.zeros_like(released[n]) for n in norms}
    codes = {s.name: position_codes(s, config.width) for s in spaces}
    stacks = ("encoder_embeddings", "decoder_embeddings")
    return biases | {f"{stack}.{n}.pos_emb": code.clone() for n, code in codes.items() for stack in stacks}


def position_codes(space: Space, width: int) -> Float[Tensor, "1 n width"]:
    """Codes of all places of a key in order, float32; of a sequence for LONGEST places."""
    if space.axes and space.axes[0].name == SEQUENCE:
        space = replace(space, axes=(Axis(SEQUENCE, "", 0, LONGEST - 1, 1),))
    places = template(space)
    return GridSines((space,), width)(places.space, places.position, torch.zeros(()))[None]


def _check_constants(tensors: Mapping[str, Tensor], constants: Mapping[str, Tensor], what: str) -> None:
    twice = {n: tensors[n.replace("decoder_", "encoder_", 1)] for n in tensors if n.endswith(".mod_emb")}
    other = [
        n
        for n, constant in {**constants, **twice}.items()
        if not torch.allclose(tensors[n].float(), constant.float(), rtol=0, atol=TOLERANCE)
    ]
    if other:
        raise FoundationError(
            f"{what}: {len(other)} tensors, such as {other[0]}, are not what AION-1 has there: codes of positions, "
            "norms without bias, one vector for a key. Give a checkpoint of that model."
        )
