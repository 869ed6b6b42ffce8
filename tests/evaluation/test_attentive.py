"""The attentive probe sees which token says what; a mean cannot. Ragged objects need no padding."""

import numpy as np
import pytest
import torch

from foundation.evaluation.attentive import AttentiveHead, ProbeTraining, attentive, mlp
from foundation.evaluation.metrics import r2
from foundation.evaluation.problem import Features, Problem

N, WIDTH = 360, 8
SCALE = torch.linspace(-2, 2, WIDTH), torch.linspace(0.5, 3, WIDTH)  # mean and deviation of the tokens


@pytest.fixture
def planted():
    """Objects of 6 to 12 tokens; the value of the one token that carries a mark is the target."""
    draw = np.random.default_rng(0)
    counts = draw.integers(6, 13, N)
    tokens = draw.normal(0, 0.3, (counts.sum(), WIDTH))
    tokens[:, 0] = draw.normal(0, 1, counts.sum())
    begin = np.cumsum(counts) - counts
    marked = begin + draw.integers(0, counts)
    tokens[marked, 1] += 4.0
    pooled = np.stack([tokens[b : b + c].mean(0) for b, c in zip(begin, counts, strict=True)])
    features = Features(
        pooled.astype(np.float32), torch.from_numpy(tokens).half(), *map(torch.from_numpy, (begin, counts))
    )
    train, validation, test = np.split(np.arange(N), [220, 280])
    return Problem(features, tokens[marked, 0], train, validation, features, test)


def test_it_finds_the_marked_token_where_the_mean_fails(planted):
    long = ProbeTraining(steps=400, patience=20)
    true = planted.target[planted.test]
    assert r2(attentive(planted, 0, long).test, true) > 0.7
    assert r2(mlp(planted, 0, long).test, true) < 0.4


def test_the_order_of_an_objects_tokens_does_not_matter():
    torch.manual_seed(0)
    head = AttentiveHead(*SCALE, 2, ProbeTraining()).eval()
    tokens = torch.randn(9, WIDTH)
    offsets = torch.tensor([0, 4, 9])
    turned = tokens[[3, 1, 0, 2, 8, 7, 6, 5, 4]]
    torch.testing.assert_close(head(tokens, offsets), head(turned, offsets))


def test_objects_do_not_see_each_other():
    torch.manual_seed(0)
    head = AttentiveHead(*SCALE, 1, ProbeTraining()).eval()
    tokens, offsets = torch.randn(9, WIDTH), torch.tensor([0, 4, 9])
    changed = tokens.clone()
    changed[4:] += 1
    torch.testing.assert_close(head(changed, offsets)[0], head(tokens, offsets)[0])
    assert (head(changed, offsets)[1] != head(tokens, offsets)[1]).any()


def test_the_folded_head_is_attention_to_standardised_tokens_written_out():
    torch.manual_seed(1)
    head = AttentiveHead(*SCALE, 3, ProbeTraining(heads=2)).eval()
    tokens = torch.randn(5, WIDTH) * 2 + 1
    standard = (tokens - SCALE[0]) / SCALE[1]
    weights = (head.query @ standard.T / WIDTH**0.5).softmax(-1)  # [heads, tokens]
    expected = head.network((weights @ standard).reshape(1, -1))
    torch.testing.assert_close(head(tokens, torch.tensor([0, 5])), expected)


def test_rare_classes_count_as_much_as_frequent_ones():
    draw = np.random.default_rng(0)
    target = (draw.random(N) < 0.1).astype(np.int64)
    pooled = draw.normal(size=(N, 2)).astype(np.float32)
    pooled[:, 0] += 1.6 * target  # too little to ever be the more probable class if frequent ones count more
    train, validation, test = np.split(np.arange(N), [160, 220])
    features = Features(pooled)
    answer = mlp(Problem(features, target, train, validation, features, test, 2), 0)
    found = answer.test.argmax(1)[target[test] == 1]
    assert found.mean() >= 0.5


def test_targets_of_any_size_are_learned():
    draw = np.random.default_rng(0)
    pooled = draw.normal(size=(N, 3)).astype(np.float32)
    target = 5777 + 900.0 * pooled[:, 0]
    train, validation, test = np.split(np.arange(N), [220, 280])
    answer = mlp(Problem(Features(pooled), target, train, validation, Features(pooled), test), 0)
    assert r2(answer.test, target[test]) > 0.9


def test_without_tokens_it_says_what_to_do():
    features = Features(np.zeros((9, 2), np.float32))
    parts = np.split(np.arange(9), 3)
    with pytest.raises(ValueError, match="use the mlp probe"):
        attentive(Problem(features, np.arange(9.0), parts[0], parts[1], features, parts[2]), 0)
