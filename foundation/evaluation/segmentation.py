"""segmentation: which pixels belong to something, told by a small convolutional head from an image's frozen tokens.

The head turns the grid of tokens into as many pixels as a token covers; it learns masks by their mean square error, and
the threshold is the one that the validation part likes best (AION-1, arXiv:2510.17960, section 5.5).
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation.data.records import Image
from foundation.errors import FoundationError
from foundation.evaluation.outcome import Outcome, Source
from foundation.evaluation.problem import Features
from foundation.evaluation.split import Parts
from foundation.evaluation.tasks import Task
from foundation.seeded import seeded
from foundation.tokenizers.cutout import centred

THRESHOLDS = np.linspace(0.05, 0.95, 19)
WIDTH, STEPS, BATCH, RATE, CHECK = 64, 400, 32, 2e-3, 40  # of the head, and of its training
SOFTENING = 0.05  # nMgy a pixel, of the raw image's asinh
Cells = Callable[[np.ndarray], Float[Tensor, "b D h w"]]  # indices of objects -> their features on the grid of tokens


@dataclass(frozen=True)
class Grid:
    """How tokens lie on an image: `side` of them in each direction, of `pixels` pixels each."""

    side: int
    pixels: int

    @classmethod
    def of(cls, tokens: int, spacing: float, mask: Image) -> "Grid":
        """The grid of so many tokens, `spacing` arcsec apart, in pixels of the mask.

        Raises:
            FoundationError: tokens that make no square.
        """
        side, pixels = math.isqrt(tokens), round(spacing / mask.pixel_scale)
        if side**2 != tokens or pixels < 1:
            raise FoundationError(
                f"{tokens} tokens {spacing:g} arcsec apart over pixels of {mask.pixel_scale:g}: a segmentation wants a "
                "square of tokens that cover whole pixels. Choose another image modality."
            )
        return cls(side, pixels)

    def crop(self, planes: Float[np.ndarray, "bands y x"]) -> Float[np.ndarray, "bands H W"]:
        """What the tokens cover of an image, about its centre; zeros beyond its edge."""
        size = self.side * self.pixels
        source, target = centred(planes.shape[1:], size)
        cut = np.zeros((len(planes), size, size), np.float32)
        cut[:, *target] = planes[:, *source]
        return cut

    def folded(self, planes: Float[Tensor, "b bands H W"]) -> Float[Tensor, "b D h w"]:
        """The pixels of each token's place as its features."""
        return F.pixel_unshuffle(planes, self.pixels)


def token_cells(features: Features, grid: Grid) -> Cells:
    """Features of the tokens of each object, which are row by row.

    Raises:
        FoundationError: objects with other numbers of tokens.
    """
    if features.tokens is None or features.begin is None or features.count is None:
        raise FoundationError("A segmentation reads the tokens of an image, and these features have none.")
    if not bool((features.count == grid.side**2).all()):
        raise FoundationError(
            f"Objects have {features.count.min()} to {features.count.max()} tokens, {grid.side**2} are wanted of each. "
            "Name one image modality as the only input."
        )
    tokens, begin, inside = features.tokens, features.begin, torch.arange(grid.side**2)
    return lambda index: tokens[begin[index][:, None] + inside].float().transpose(1, 2).unflatten(2, (grid.side,) * 2)


def raw_cells(images: Sequence[Image], grid: Grid) -> Cells:
    """The pixels themselves, asinh of their flux; bands that an image lacks are zero."""
    bands = sorted({band for image in images for band in image.bands})
    planes = np.zeros((len(images), len(bands), *(grid.side * grid.pixels,) * 2), np.float32)
    for row, image in zip(planes, images, strict=True):
        row[[bands.index(b) for b in image.bands]] = grid.crop(np.arcsinh(image.flux / SOFTENING))
    return lambda index: grid.folded(torch.from_numpy(planes[index]))


def segment(
    task: Task, source: Source, cells: Cells, masks: Float[np.ndarray, "n H W"], parts: Parts, seeds: Sequence[int]
) -> Outcome:
    """Intersection over union of each test object, mean over the seeds.

    Args:
        masks: from 0 to 1; an object is where they are above a half.
    """
    true, merits, found = masks > 0.5, [], []
    for seed in seeds:
        head = _trained(cells, masks, parts, seed)
        checked, tested = (_masks(head, cells, part) for part in (parts.validation, parts.test))
        scores = [np.nanmean(overlap(checked > t, true[parts.validation])) for t in THRESHOLDS]
        merits.append(max(scores))
        found.append(overlap(tested > THRESHOLDS[int(np.argmax(scores))], true[parts.test]))
    values = {"iou": np.mean(found, 0)}
    merit = float(np.mean(merits))
    return Outcome(source, "convolutions", merit, parts.test, np.empty(0), np.empty(0), len(parts.train), values)


def overlap(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Intersection over union [n] of masks [n, y, x]; NaN where both are empty."""
    both, either = (found & true).sum((1, 2)), (found | true).sum((1, 2))
    return np.divide(both, either, out=np.full(len(found), np.nan), where=either > 0)


class _Head(nn.Module):
    """Standardised features -> logits of the pixels that each token covers."""

    def __init__(self, cells: Float[Tensor, "b D h w"], pixels: int) -> None:
        super().__init__()
        self.mean, self.deviation = cells.mean((0, 2, 3), True), cells.std((0, 2, 3), keepdim=True).clamp(min=1e-6)
        self.network = nn.Sequential(
            nn.Conv2d(cells.shape[1], WIDTH, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(WIDTH, pixels**2, 1),
            nn.PixelShuffle(pixels),
        )

    def forward(self, cells: Float[Tensor, "b D h w"]) -> Float[Tensor, "b H W"]:
        return self.network((cells - self.mean) / self.deviation)[:, 0].sigmoid()


def _trained(cells: Cells, masks: np.ndarray, parts: Parts, seed: int) -> _Head:
    """The head of the step that validation likes best."""
    target, draw = torch.from_numpy(masks).float(), np.random.default_rng(seed)
    first = cells(parts.train[: 4 * BATCH])
    with seeded(seed):
        head = _Head(first, masks.shape[1] // first.shape[2])
    optimiser = torch.optim.AdamW(head.parameters(), RATE)
    best, state = float("inf"), copy.deepcopy(head.state_dict())
    for step in range(1, STEPS + 1):
        index = draw.choice(parts.train, min(BATCH, len(parts.train)), replace=False)
        optimiser.zero_grad()
        F.mse_loss(head(cells(index)), target[index]).backward()
        optimiser.step()
        if step % CHECK == 0:
            error = float(np.mean((_masks(head, cells, parts.validation) - masks[parts.validation]) ** 2))
            if error < best:
                best, state = error, copy.deepcopy(head.state_dict())
    head.load_state_dict(state)
    return head


@torch.no_grad()
def _masks(head: _Head, cells: Cells, index: np.ndarray) -> Float[np.ndarray, "n H W"]:
    chunks = np.array_split(index, max(1, len(index) // BATCH))
    return torch.cat([head(cells(chunk)) for chunk in chunks]).numpy()
