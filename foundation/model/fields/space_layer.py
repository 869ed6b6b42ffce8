"""SpaceLayer: the tokens of each frame attend to each other, with a gated MLP in parallel."""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.kernels.attention import AttentionLayout, attention
from foundation.kernels.prologue import HeadNorm, qk_prologue
from foundation.model.fields.gated import gated_linear
from foundation.model.fields.norm import norm_linear
from foundation.model.fields.rotary import AxialRotary


class SpaceLayer(nn.Module):
    """Pre-norm; the rows of `fused` are value and gate of the MLP, then queries, keys and values, each head by head."""

    def __init__(self, width: int, heads: int, hidden: int, rotary: AxialRotary) -> None:
        super().__init__()
        self.heads, self.sizes = heads, [hidden, hidden, width, width, width]
        self.norm = nn.Parameter(torch.empty(width))
        self.fused = nn.Linear(width, 2 * hidden + 3 * width)
        self.q_norm, self.k_norm = nn.LayerNorm(width // heads), nn.LayerNorm(width // heads)
        self.rotary = rotary
        self.attn_out = nn.Linear(width, width, bias=False)
        self.mlp_out = nn.Linear(hidden, width)

    def forward(self, x: Float[Tensor, "N S width"], place: Float[Tensor, "S 3"]) -> Float[Tensor, "N S width"]:
        """What to add to each token of N frames whose tokens are at `place`."""
        fused = norm_linear(x, self.norm, self.fused.weight, self.fused.bias)
        value, gate, *heads = fused.flatten(0, 1).split(self.sizes, -1)
        q, k, v = (y.unflatten(-1, (self.heads, -1)) for y in heads)  # [N * S, heads, dim]
        turns = self.rotary(place, q.shape[-1])
        backend = "torch" if turns.requires_grad else "auto"  # the kernel has no gradient of turns
        turns = turns.repeat(len(x), 1)
        q_norm, k_norm = (HeadNorm("layer", n.weight, n.bias, n.eps) for n in (self.q_norm, self.k_norm))
        q, k = qk_prologue(q, k, q_norm, k_norm, turns, turns, backend)
        seen = attention(q, k, v, _one_document_a_frame(*x.shape[:2], x.device))
        mlp = gated_linear(value, gate, self.mlp_out.weight, self.mlp_out.bias)
        return torch.addmm(mlp, seen.flatten(1), self.attn_out.weight.T).view(x.shape)


@lru_cache(maxsize=32)
def _one_document_a_frame(frames: int, tokens: int, device: torch.device) -> AttentionLayout:
    """Every token sees all tokens of its frame."""
    offsets = torch.arange(frames + 1) * tokens
    return AttentionLayout.packed(offsets, torch.zeros(frames * tokens, dtype=torch.long)).to(device)
