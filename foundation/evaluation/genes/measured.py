"""Measured: how well a predicted signal, such as of chemical probing, goes along with the measured one."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from jaxtyping import Float64

from foundation.data.biology.genes.layout import gene_of
from foundation.data.biology.track import Track
from foundation.data.records import Sample
from foundation.evaluation.bootstrap import Drawn
from foundation.evaluation.genes.baselines import letters_of
from foundation.evaluation.genes.compared import Compared, compared
from foundation.evaluation.genes.matrices import codes_of
from foundation.model.over_tokens import OverTokens
from foundation.sampling.genes.conditions import Condition
from foundation.sampling.marginals import Stretches, in_stretches
from foundation.tokenizers.track_bins import DigitiserTokenizer
from foundation.tokens import Tokens

WORD = 3  # letters of the simple model, the place in the middle


def measured(
    model: OverTokens, digitiser: DigitiserTokenizer, rows: Sequence[Sample], tokens: Sequence[Tokens],
    conditions: Sequence[Condition], stretches: Stretches, fitted: Sequence[Sample],
) -> list[Compared]:  # fmt: skip
    """Pearson's and Spearman's correlation over all places with a value, pooled; draws are of genes.

    Beside the model stands the mean of the signal over each word of three letters in the rows of `fitted`.

    Args:
        digitiser: of the signal.
        rows, tokens: measured on; all have the signal and all that conditions show.
        fitted: other rows; none = without the simple model.
    """
    name = digitiser.name
    truth = [cast(Track, s[name]).values.astype(np.float64) for s in rows]
    predicted: dict[str, list[Float64[np.ndarray, "_"]]] = {}
    for condition in conditions:
        answers = in_stretches(model, [condition.whole(t, name) for t in tokens], stretches)
        predicted[condition.name] = [digitiser.expected(a) for a in answers]
    having = [s for s in fitted if name in s]
    if having:
        means = _word_means(having, name)
        predicted[f"mean of {WORD} letters"] = [means[_words(letters_of(s))] for s in rows]
    genes = [gene_of(s) for s in rows]
    ways = {way: _correlations(values, truth, genes) for way, values in predicted.items()}
    return compared(ways, conditions[0].name)


def _correlations(
    predicted: Sequence[np.ndarray], truth: Sequence[np.ndarray], genes: Sequence[str]
) -> Mapping[str, Drawn]:
    """Of all places with a value."""
    known = [~np.isnan(t) for t in truth]
    x, y = (np.concatenate([v[k] for v, k in zip(x, known, strict=True)]) for x in (predicted, truth))
    _, gene = np.unique(np.array(genes), return_inverse=True)
    owner = np.repeat(gene, [int(k.sum()) for k in known])
    return {"pearson": _pearson(x, y, owner), "spearman": _pearson(_ranks(x), _ranks(y), owner)}


def _pearson(x: np.ndarray, y: np.ndarray, owner: np.ndarray) -> Drawn:
    """From sums by gene, so that a draw adds few numbers; Spearman's ranks are those among all genes."""
    sums = np.stack([np.bincount(owner, v) for v in (np.ones_like(x), x, y, x * x, y * y, x * y)])

    def correlation(index: np.ndarray) -> float:
        n, a, b, aa, bb, ab = sums[:, index].sum(1)
        return float((ab - a * b / n) / np.sqrt(max((aa - a * a / n) * (bb - b * b / n), 1e-30)))

    return Drawn.of(correlation, sums.shape[1])


def _ranks(values: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    return rankdata(values.astype(np.float32)) / len(values)  # sums in another order are still ties


def _words(letters: str) -> np.ndarray:
    """The number of the word around each place; 5 to the power of WORD of them."""
    codes = np.pad(codes_of(letters), WORD // 2, constant_values=4)
    return np.lib.stride_tricks.sliding_window_view(codes, WORD) @ 5 ** np.arange(WORD)


def _word_means(rows: Sequence[Sample], name: str) -> np.ndarray:
    """The mean signal of each word; of words that were not seen the mean of all."""
    values = np.concatenate([cast(Track, s[name]).values for s in rows]).astype(np.float64)
    words = np.concatenate([_words(letters_of(s)) for s in rows])
    known = ~np.isnan(values)
    sums, counts = (np.bincount(words[known], w, 5**WORD) for w in (values[known], np.ones(int(known.sum()))))
    return np.where(counts > 0, sums / np.maximum(counts, 1), values[known].mean())
