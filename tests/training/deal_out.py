"""Run by test_loss.py in each of `world` processes: the gradient of its share of one global batch, averaged over ranks.

The shares are unequal on purpose: rank 0 gets more documents than rank 1, and only rank 0 is asked for a redshift.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import distributed

from foundation.batch import pack
from foundation.config import ModelConfig
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Axis, Space, Tokens, concatenate
from foundation.training.loss import balanced, over_ranks, ranks, space_weights, tally

SPACES = (Space("image", "discrete", 6, (Axis("x", "", 0.0, 4.0, 1.0),)), Space("redshift", "discrete", 4))


def document(index):
    generator = torch.Generator().manual_seed(index)
    pixels = 3 + index
    image = torch.randint(6, (pixels,), generator=generator)
    place = torch.arange(float(pixels), dtype=torch.float64)[:, None]
    tokens = concatenate([Tokens.of_space(SPACES[0], image, place), Tokens.of_space(SPACES[1], image[:1] % 4)])
    reveal = torch.tensor([0, 0] + [1] * (pixels - 2) + [int(index in (0, 2))])
    return tokens, reveal


def gradient(model, batch, balance):
    """Mean over ranks of the gradients of their losses, as data-parallel training takes it."""
    model.zero_grad()
    local = tally(model.heads, model(batch), batch)
    weight = space_weights(SPACES, {"redshift": 0.5})
    (ranks() * balanced(local.sums, over_ranks(local).counts, weight, balance)).backward()
    found = {}
    for name, parameter in model.named_parameters():
        mean = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad / ranks()
        if ranks() > 1:
            distributed.all_reduce(mean)
        found[f"{balance}.{name}"] = mean.numpy()
    return found


def main(out, rank, world):
    torch.set_num_threads(1)
    if world > 1:
        distributed.init_process_group("gloo", init_method=f"file://{out}/meet", rank=rank, world_size=world)
    torch.manual_seed(0)
    model = FoundationTransformer(ModelConfig(width=16, depth=1, decoder_depth=1, heads=2), SPACES).double()
    mine = {1: [range(5)], 2: [(0, 2, 4), (1, 3)]}[world][rank]
    batch = pack([document(i) for i in mine], SPACES)
    found = gradient(model, batch, "space") | gradient(model, batch, "token")
    np.savez(Path(out) / f"{rank}-of-{world}.npz", **found)
    if world > 1:
        distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
