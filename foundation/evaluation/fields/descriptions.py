"""descriptions: what a probe sees of a window: the frozen tokens of an encoder, or plain statistics of the fields."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foundation.data.fields.batch import FieldBatch
from foundation.data.fields.record import Field
from foundation.errors import FoundationError
from foundation.evaluation.fields.spectrum import band_power
from foundation.evaluation.problem import Features
from foundation.model.fields.transformer import FieldTransformer
from foundation.progress import track
from foundation.seeded import seeded

BANDS = 8  # of the spectrum of each field
TINY = 1e-12  # added before logarithms, in squared units of the field
Tokens = Float[Tensor, "tokens width"]
Describe = Callable[[Field], Tensor]  # a window -> its tokens


def of_encoder(model: FieldTransformer, block: int | None = None) -> Describe:
    """The tokens at all places, mean over the frames, without jitter.

    Args:
        model: in evaluation mode.
        block: after which the tokens are taken, counted from 1; 0 = before the first, None = after the last.

    Raises:
        FoundationError: the model has no such block.
    """
    if block is not None and not 0 <= block <= model.config.depth:
        raise FoundationError(f"block {block} of a model of {model.config.depth}. Give one from 0 to that.")

    def describe(window: Field) -> Tokens:
        batch = FieldBatch.of([window], "")
        return model.encode(batch.values, batch.names, batch.boundary, block)[0].mean(0)

    return describe


def random_twin(model: FieldTransformer, seed: int) -> FieldTransformer:
    """The same architecture with freshly drawn weights: what is better than this is owed to training."""
    with seeded(seed):
        return FieldTransformer(model.config, model.names).eval()


def statistics(window: Field) -> Tokens:
    """One token: of each field its mean, and logarithms of the spread, of the increments and of the power in bands."""
    values = torch.from_numpy(window.values).double()[None]
    space = tuple(range(3, values.ndim))
    mean, spread = values.mean((1, *space)), values.var((1, *space))
    increments = values.diff(dim=1).square().mean((1, *space))
    power = band_power(values[:, -1:], bands=BANDS)[:, 0]
    logarithms = torch.cat([spread[..., None], increments[..., None], power], -1).add(TINY).log10()
    return torch.cat([mean[..., None], logarithms], -1).flatten(1).float()


def features(describe: Describe, windows: Iterable[Field], count: int, what: str) -> Features:
    """Descriptions of all windows; what is pooled is the mean of the tokens.

    Args:
        describe: of one window.
        windows: so many.
        count: how many.
        what: for the progress display.
    """
    tokens = [describe(window) for window in track(windows, what, count)]
    counts = torch.tensor([len(t) for t in tokens])
    pooled = torch.stack([t.mean(0) for t in tokens]).numpy().astype(np.float32)
    return Features(pooled, torch.cat(tokens), counts.cumsum(0) - counts, counts)
