"""The networks of structure tokens: a residue's neighbourhood to a vector, and vectors along a chain to local atoms."""

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from foundation.tokenizers.neighbourhood import ABSENT, RELATIVE

KERNEL = 7  # places that a block of the decoder sees


class Among(nn.Module):
    """Attention and a perceptron over the neighbours of each residue; residual, normalised before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before_attention, self.before_hidden = nn.LayerNorm(width), nn.LayerNorm(width)
        self.heads = heads
        self.project, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.hidden = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Float[Tensor, "m k w"], there: Bool[Tensor, "m k"]) -> Float[Tensor, "m k w"]:
        """States of the same shape; neighbours that are not there are not looked at."""
        q, k, v = (
            p.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for p in self.project(self.before_attention(x)).chunk(3, -1)
        )
        seen = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None])
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.hidden(self.before_hidden(x))


class NeighbourhoodEncoder(nn.Module):
    """Neighbours of a residue, in any order but for the residue itself, which is the first, to one vector."""

    def __init__(self, width: int, depth: int, heads: int, out: int) -> None:
        super().__init__()
        self.relative = nn.Sequential(nn.Linear(RELATIVE, width), nn.GELU(), nn.Linear(width, width))
        self.step = nn.Embedding(ABSENT + 1, width)
        self.blocks = nn.ModuleList(Among(width, heads) for _ in range(depth))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, out)

    def forward(self, relative: Float[Tensor, "m k 12"], step: Int[Tensor, "m k"]) -> Float[Tensor, "m out"]:
        """What is quantised."""
        x, there = self.relative(relative) + self.step(step), step != ABSENT
        for block in self.blocks:
            x = block(x, there)
        return self.out(self.norm(x[:, 0]))


class Along(nn.Module):
    """Depth-wise convolution along the chain and a perceptron at each place; residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Float[Tensor, "B L w"]) -> Float[Tensor, "B L w"]:
        """States of the same shape."""
        return x + self.hidden(self.norm(self.mix(x.transpose(1, 2)).transpose(1, 2)))


class ChainDecoder(nn.Module):
    """Codes along a chain to what lies around each residue; a place without a code is as the end of the chain."""

    def __init__(self, codes: int, width: int, depth: int, out: int) -> None:
        super().__init__()
        self.codes = nn.Linear(codes, width)
        self.blocks = nn.ModuleList(Along(width) for _ in range(depth))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, out)

    def forward(self, codes: Float[Tensor, "B L d"], used: Bool[Tensor, "B L"]) -> Float[Tensor, "B L out"]:
        """Predicted targets of every place."""
        there = used[..., None].to(codes.dtype)
        x = self.codes(codes) * there
        for block in self.blocks:
            x = block(x) * there
        return self.out(self.norm(x))
