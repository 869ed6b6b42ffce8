"""Codes of coefficients and of sources against NumPy, and what is refused."""

import numpy as np
import pytest
import torch

from foundation.data.coefficients import Coefficients
from foundation.data.sources import Sources
from foundation.errors import RecordError
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.bins import quantile_rows
from foundation.tokenizers.coefficients import CoefficientsConfig, CoefficientsTokenizer
from foundation.tokenizers.sources import SourcesConfig, SourcesTokenizer
from foundation.tokens import Tokens


def draws(seed, shape):
    return np.random.default_rng(seed).normal(0, 30, shape)


def listed(*columns):
    return Sources(*map(np.array, columns))


def coefficients(values):
    return Coefficients(values, np.ones(len(values)))


def test_rows_have_the_quantiles_of_each(generator):
    parts = [draws(i, (3, 5)) for i in range(40)]
    rows = quantile_rows(iter(parts), 9, 1000, 0)
    np.testing.assert_allclose(rows, np.quantile(np.concatenate(parts, 1), np.linspace(0, 1, 9), axis=1).T)
    assert rows.dtype == torch.float64
    with pytest.raises(TokenizerError, match="no value to fit"):
        quantile_rows(iter(()), 9, 1000, 0)


def test_each_coefficient_has_bins_of_its_own():
    train, test = draws(0, (500, 6)) * np.arange(1, 7), draws(1, (20, 6))
    tokenizer = CoefficientsTokenizer(CoefficientsConfig(count=5, codes=16)).fit(map(coefficients, train))
    found = tokenizer.encode([coefficients(row) for row in test])
    for k in range(5):
        table = np.quantile(np.arcsinh(train[:, k]), np.linspace(0, 1, 16))
        codes = np.minimum((table[None] < np.arcsinh(test[:, k])[:, None]).sum(1), 15)
        assert [int(t.ids[k]) for t in found] == codes.tolist()
        back = [float(r.values[k]) for r in tokenizer.decode(found)]
        np.testing.assert_allclose(back, np.sinh(table[codes]))


def test_coefficients_that_do_not_fit_are_refused():
    tokenizer = CoefficientsTokenizer(CoefficientsConfig(basis="gaia-bp-55"), "xp")
    with pytest.raises(TokenizerError, match="got 54 coefficients of the basis '', wanted 55 of gaia-bp-55"):
        tokenizer.encode([coefficients(np.ones(54))])
    with pytest.raises(TokenizerError, match="the bins are not fitted"):
        CoefficientsTokenizer(CoefficientsConfig(), "xp").encode([coefficients(np.ones(55))])
    with pytest.raises(TokenizerError, match="functions eval of coefficients"):
        CoefficientsConfig(functions=("eval",))


@pytest.fixture
def sources():
    values = draws(2, (3, 900)) / 100
    return SourcesTokenizer(SourcesConfig(codes=32, most=2), "catalog").fit([Sources(*np.ones((2, 900)), *values)])


def test_five_codes_a_source_with_offsets(sources):
    record = listed([3.2, 95.0, 8.0], [0.0, 40.6, 8.0], *(draws(3, (3, 3)) / 100))
    [tokens] = sources.encode([record])
    codes = tokens.ids.view(2, 5).numpy() - (204 + np.array([0, 96, 192, 224, 256]))
    assert codes[:, :2].tolist() == [[3, 0], [95, 41]], "the third source is one too many"
    for row, name in zip(sources.table.numpy(), ("e1", "e2", "radius"), strict=True):
        expected = np.minimum((row[None] < getattr(record, name)[:2, None]).sum(1), 31)
        assert codes[:, ("e1", "e2", "radius").index(name) + 2].tolist() == expected.tolist()
    assert tokens.position[:, 0].tolist() == list(range(10)) and sources.space.size == 204 + 192 + 96
    assert sources.decode([tokens])[0].x.tolist() == [3, 95]


def test_codes_that_make_no_source_are_left_out(sources):
    codes = torch.tensor([204, 300, 396, 428, 460, 204, 204, 396, 428, 460])
    tokens = Tokens.of_space(sources.space, codes, torch.arange(10.0).double()[:, None])
    assert len(sources.decode([tokens])[0]) == 1
    assert len(sources.decode([tokens.select(torch.arange(4))])[0]) == 0


def test_sources_that_do_not_fit_are_refused(sources):
    with pytest.raises(TokenizerError, match="lie at pixels 0 to 96, the cut-out has 0 to 95"):
        sources.encode([listed([96.0], [0.0], [0.0], [0.0], [1.0])])
    empty = Sources(*np.zeros((5, 0)))
    assert not sources.accepts(empty)
    with pytest.raises(TokenizerError, match="got no source"):
        sources.encode([empty])
    with pytest.raises(RecordError, match="Give one number a source"):
        listed([1.0], [1.0, 2.0], [0.0], [0.0], [1.0])
    with pytest.raises(RecordError, match="none in e2"):
        listed([1.0], [1.0], [0.0], [np.nan], [1.0])
