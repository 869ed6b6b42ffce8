"""The convolutional autoencoder of pictures with one channel: strided convolutions and residual layers.

Names and shapes are those of AION-1's segmentation codec (arXiv:2510.17960) as far as they are known.
"""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn


class ResidualLayer(nn.Module):
    """A narrow convolution and back, batch-normalised between; added to the rectified input."""

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, narrow, 3, padding=1), nn.BatchNorm2d(narrow), nn.ReLU(),
            nn.Conv2d(narrow, width, 1),
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Features of the same shape."""
        return x + self.net(x)


class _Residuals(nn.Module):
    def __init__(self, width: int, narrow: int, count: int) -> None:
        super().__init__()
        self.net = nn.Sequential(*(ResidualLayer(width, narrow) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class SegmentationEncoder(nn.Module):
    """[B, 1, H, W] -> [B, width, H / 2^halvings, W / 2^halvings]; each halving doubles the channels."""

    def __init__(self, width: int, halvings: int, narrow: int, layers: int) -> None:
        super().__init__()
        widths = [1, *(width // 2**i for i in reversed(range(halvings)))]
        parts: list[nn.Module] = []
        for a, b in pairwise(widths):
            parts += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.ReLU()]
        self.net = nn.Sequential(*parts, nn.Conv2d(width, width, 3, padding=1), _Residuals(width, narrow, layers))

    def forward(self, x: Float[Tensor, "B 1 H W"]) -> Float[Tensor, "B C h w"]:
        """Features of the tokens."""
        return self.net(x)


class SegmentationDecoder(nn.Module):
    """[B, width, h, w] -> [B, 1, h * 2^halvings, w * 2^halvings].

    As released, the channels fall to a quarter at the first doubling and rise again before the last.
    """

    def __init__(self, width: int, halvings: int, narrow: int, layers: int) -> None:
        super().__init__()
        widths = [width, *(width // 2 ** (halvings - 1) * 2**i for i in range(halvings - 1)), 1]
        parts: list[nn.Module] = []
        for a, b in pairwise(widths):
            parts += [nn.ReLU(), nn.ConvTranspose2d(a, b, 4, stride=2, padding=1)]
        first = nn.ConvTranspose2d(width, width, 3, padding=1)
        self.net = nn.Sequential(first, _Residuals(width, narrow, layers), *parts)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 1 H W"]:
        """Logits of the picture."""
        return self.net(x)
