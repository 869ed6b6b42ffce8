"""Scalars: bins against numpy's quantiles and hand-made tables."""

import math

import numpy as np
import pytest
import torch

from foundation.data.records import Scalar
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.reservoir import Reservoir
from foundation.tokenizers.scalar import TRANSFORMS, ScalarConfig, ScalarTokenizer


def codes(tokenizer, values):
    return [int(t.ids[0]) for t in tokenizer.encode([Scalar(v, "x") for v in values])]


def test_bins_are_quantiles_of_the_data(scalar_tokenizer):
    values = np.random.default_rng(0).lognormal(0, 1, 2000)
    np.testing.assert_allclose(scalar_tokenizer().values, np.quantile(values, np.linspace(0, 1, 64)))


def test_codes_are_used_evenly_on_data_like_those_fitted(scalar_tokenizer):
    fresh = np.random.default_rng(1).lognormal(0, 1, 3200)
    counts = np.bincount(codes(scalar_tokenizer(), fresh), minlength=64)
    assert counts[1:-1].min() > 15
    assert counts.max() < 100


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_value_comes_back_as_its_nearest_bin(transform):
    data = np.random.default_rng(0).lognormal(0, 1, 5000) + 0.1
    tokenizer = ScalarTokenizer(ScalarConfig(codes=1024, transform=transform), "x").fit(iter([data]))
    back = [r.value for r in tokenizer.decode(tokenizer.encode([Scalar(v, "x") for v in data[:300]]))]
    low, high = np.quantile(data, [0.01, 0.99])  # bins of the tails are wide
    inside = (data[:300] > low) & (data[:300] < high)
    np.testing.assert_allclose(np.array(back)[inside], data[:300][inside], rtol=0.02)
    assert codes(tokenizer, tokenizer.values.tolist()) == list(range(1024))


def test_the_rule_of_the_released_codecs_counts_bin_values_below():
    config = ScalarConfig(codes=4, grid=(0.0, 3.0), nearest=False)
    tokenizer = ScalarTokenizer(config, "x")
    assert codes(tokenizer, [-1, 0, 0.1, 1, 1.5, 2.9, 3, 99]) == [0, 0, 1, 1, 2, 3, 3, 3]
    nearest = ScalarTokenizer(ScalarConfig(codes=4, grid=(0.0, 3.0)), "x")
    assert codes(nearest, [-1, 0, 0.1, 1, 1.6, 2.9, 3, 99]) == [0, 0, 0, 1, 2, 3, 3, 3]


def test_a_grid_needs_no_fit_and_is_even():
    tokenizer = ScalarTokenizer(ScalarConfig(grid=(0.0, 6.0)), "redshift")
    np.testing.assert_allclose(tokenizer.values, np.linspace(0, 6, 1024))
    assert tokenizer.fit([[5.0]]).values[0] == 0


def test_the_logarithm_has_a_floor_and_asinh_keeps_the_sign():
    data = np.linspace(-3, 3, 4001)
    log = ScalarTokenizer(ScalarConfig(codes=128, transform="log"), "x").fit([data])
    assert float(log.values[0]) == pytest.approx(math.exp(-3))
    assert codes(log, [-5.0, -1e-9, 0.0, math.exp(-3)]) == [0, 0, 0, 0]
    asinh = ScalarTokenizer(ScalarConfig(codes=128, transform="asinh"), "x").fit([data])
    below, above = codes(asinh, [-2.0, 2.0])
    assert below < 64 < above
    assert below == 127 - above


def test_repeated_values_share_one_code_and_come_back_exactly():
    data = np.repeat([0.0, 0.0, 0.0, 1.0, 2.0], 100)
    tokenizer = ScalarTokenizer(ScalarConfig(codes=16), "x").fit([data])
    back = tokenizer.decode(tokenizer.encode([Scalar(v, "x") for v in (0.0, 1.0, 2.0)]))
    assert [r.value for r in back] == [0.0, 1.0, 2.0]


def test_missing_values_are_left_out_of_the_fit():
    data = np.random.default_rng(0).normal(size=500)
    holes = np.full(200, np.nan)
    holes[::2] = np.inf
    clean = ScalarTokenizer(ScalarConfig(codes=32), "x").fit([data])
    with_holes = ScalarTokenizer(ScalarConfig(codes=32), "x").fit([holes, data, holes])
    assert torch.equal(clean.table, with_holes.table)
    with pytest.raises(TokenizerError, match="no value to fit"):
        ScalarTokenizer(ScalarConfig(), "x").fit([holes])


def test_an_unfitted_tokenizer_and_another_unit_are_refused():
    with pytest.raises(TokenizerError, match="not fitted"):
        codes(ScalarTokenizer(ScalarConfig(), "x"), [1.0])
    tokenizer = ScalarTokenizer(ScalarConfig(grid=(0.0, 1.0), unit="nmgy"), "x")
    with pytest.raises(TokenizerError, match="'Jy', the bins are in 'nmgy'"):
        tokenizer.encode([Scalar(1.0, "x", "Jy")])


@pytest.mark.parametrize(
    "options", [{"transform": "exec"}, {"codes": 1}, {"scale": 0.0}, {"grid": (1.0, 1.0)}, {"reservoir": 0}]
)
def test_settings_without_meaning_are_refused(options):
    with pytest.raises(TokenizerError):
        ScalarConfig(**options)


def test_streaming_in_pieces_equals_one_piece_while_it_fits():
    data = np.random.default_rng(0).normal(size=1000)
    reservoir = Reservoir(1000)
    for piece in np.array_split(data, 7):
        reservoir.add(piece)
    np.testing.assert_array_equal(np.sort(reservoir.values()), np.sort(data))
    half = Reservoir(1000)
    half.add(data[:300])
    assert len(half.values()) == 300


@pytest.mark.parametrize("piece", [3, 40])
def test_every_value_of_the_stream_is_kept_equally_often(piece):
    """Kept counts are binomial with p = size / n; the first, the last and the boundary values are no exception."""
    size, n, trials = 8, 40, 1000
    kept = np.zeros(n)
    for seed in range(trials):
        reservoir = Reservoir(size, seed)
        for start in range(0, n, piece):
            reservoir.add(np.arange(start, min(start + piece, n)))
        values = reservoir.values().astype(int)
        assert len(np.unique(values)) == size
        kept[values] += 1
    p = size / n
    pull = (kept - trials * p) / np.sqrt(trials * p * (1 - p))
    assert np.abs(pull).max() < 4.5
    assert 0.5 < (pull**2).mean() < 1.7
