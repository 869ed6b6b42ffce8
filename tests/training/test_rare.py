"""Weights of rare codes: their size, their bound, and the loss that they make."""

import numpy as np
import pytest
import torch

from foundation.batch import pack
from foundation.data.shards import TokenSample, TokenShards, write_tokens
from foundation.errors import FoundationError
from foundation.model.heads import SpaceHeads
from foundation.tokens import Space, Tokens
from foundation.training.loss import tally
from foundation.training.rare import MOST, code_weights

SPACES = (Space("site", "discrete", 4), Space("letter", "discrete", 5))


def shards(path, site):
    tokens = Tokens.of_space(SPACES[0], torch.tensor(site))
    write_tokens(iter([TokenSample("a", tokens, {})]), path, SPACES, "0123456789ab", total=1)
    return TokenShards(path)


def test_weights_are_one_over_the_root_of_frequencies_with_mean_one(tmp_path):
    weight = np.array(code_weights(shards(tmp_path, [0] * 90 + [1] * 9 + [2]), ["site"])["site"])
    share = np.array([0.9, 0.09, 0.01, 0])
    assert (weight * share).sum() == pytest.approx(1)
    assert weight[1] / weight[0] == pytest.approx(np.sqrt(10)) and weight[2] / weight[1] == pytest.approx(3)
    assert weight[3] == pytest.approx(weight[0] * np.sqrt(0.9)), "what was never seen weighs as what is always there"


def test_weights_are_bounded(tmp_path):
    weight = code_weights(shards(tmp_path, [0] * 40_000 + [1]), ["site"])["site"]
    assert max(weight) / min(weight) == pytest.approx(MOST)


def test_spaces_without_codes_or_tokens_are_refused(tmp_path):
    read = shards(tmp_path, [0, 1])
    with pytest.raises(FoundationError, match="rare_codes names atoms, the spaces of codes are site, letter"):
        code_weights(read, ["atoms"])
    with pytest.raises(FoundationError, match="letter has no token in the first"):
        code_weights(read, ["letter"])


def test_the_loss_is_the_weighted_sum_and_unweighted_for_others():
    generator = torch.Generator().manual_seed(0)
    heads = SpaceHeads(SPACES, 6).double()
    tokens = Tokens.of_space(SPACES[0], torch.tensor([0, 3, 1, 3]))
    batch = pack([(tokens, torch.ones(4, dtype=torch.long))], SPACES)
    states = torch.randn(len(batch), 6, generator=generator, dtype=torch.float64)
    weight = torch.tensor([1.0, 2.0, 0.5, 7.0])
    found = tally(heads, states, batch, {"site": weight}).detached()
    rows = batch.query_rows
    logits = (states[rows] @ heads.table("site").T).detach().numpy()
    ids = batch.ids[rows].numpy()
    moved = logits + np.log(weight.numpy())
    assert float(found.sums[0]) == pytest.approx(
        (weight.numpy()[ids] * (np.log(np.exp(moved).sum(1)) - moved[np.arange(4), ids])).sum()
    )
    single = np.log(np.exp(logits).sum(1)) - logits[np.arange(4), ids]
    assert found.counts.tolist() == [4, 0]
    alike = tally(heads, states, batch, {"letter": torch.ones(5)}).detached()
    assert float(alike.sums[0]) == pytest.approx(single.sum())


def test_what_is_learned_are_frequencies_whatever_the_weights():
    """Where logits are those of ten codes, no direction lowers the loss; without the move one does."""
    heads = SpaceHeads(SPACES, 1).double()
    codes, weight = torch.tensor([0] * 6 + [1] * 3 + [3]), torch.tensor([1.0, 2.0, 0.5, 7.0])
    states = torch.ones(10, 1, dtype=torch.float64)
    logits = (torch.bincount(codes, minlength=4) / 10).clamp(min=1e-12).log().double()
    with torch.no_grad():
        heads.table("site").copy_(logits[:, None])
    (gradient,) = torch.autograd.grad(heads.loss("site", states, codes, weight), [heads.table("site")])
    torch.testing.assert_close(gradient, torch.zeros(4, 1, dtype=torch.float64), atol=1e-5, rtol=0)
    logits.requires_grad_()
    torch.nn.functional.cross_entropy(logits.expand(10, 4), codes, weight.double(), reduction="sum").backward()
    assert logits.grad.abs().max() > 1
