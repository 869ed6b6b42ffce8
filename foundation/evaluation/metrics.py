"""metrics: the field's numbers for redshifts, classes, rankings and predicted distributions, each with its definition.

Scores of classes are computed from counts and not by scikit-learn's functions because a bootstrap calls them 10^5
times; the tests hold them to scikit-learn. Definitions follow reference surveys: the normalised residual of redshifts
is (predicted - true) / (1 + true) (Ilbert et al. 2006, A&A 457, 841).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from foundation.errors import FoundationError

MAD_TO_SIGMA = 1.4826  # a Gaussian's sigma over its median absolute deviation


def normalised_residual(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Δz / (1 + z) of redshifts [n]."""
    return (predicted - true) / (1 + true)


def sigma_mad(predicted: np.ndarray, true: np.ndarray) -> float:
    """1.4826 times the median absolute deviation of the residuals, in the unit of the label."""
    residual = predicted - true
    return float(MAD_TO_SIGMA * np.median(np.abs(residual - np.median(residual))))


def sigma_nmad(predicted: np.ndarray, true: np.ndarray) -> float:
    """1.4826 times the median absolute deviation of the normalised residuals."""
    residual = normalised_residual(predicted, true)
    return float(MAD_TO_SIGMA * np.median(np.abs(residual - np.median(residual))))


def bias(predicted: np.ndarray, true: np.ndarray) -> float:
    """Median normalised residual."""
    return float(np.median(normalised_residual(predicted, true)))


def outliers(predicted: np.ndarray, true: np.ndarray, threshold: float) -> float:
    """Fraction of normalised residuals larger than `threshold` in absolute value."""
    return float(np.mean(np.abs(normalised_residual(predicted, true)) > threshold))


def r2(predicted: np.ndarray, true: np.ndarray) -> float:
    """1 - residual variance / variance about the mean of these objects; NaN if they are all equal."""
    spread = np.sum((true - true.mean()) ** 2)
    return float(1 - np.sum((true - predicted) ** 2) / spread) if spread > 0 else float("nan")


def spearman(predicted: np.ndarray, true: np.ndarray) -> float:
    """Rank correlation."""
    from scipy.stats import rankdata

    ranks = rankdata(predicted), rankdata(true)
    return float(np.corrcoef(*ranks)[0, 1]) if min(np.ptp(r) for r in ranks) > 0 else float("nan")


def confusion(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Counts [true class, predicted class] of integer classes [n]."""
    size = int(max(predicted.max(), true.max())) + 1
    return np.bincount(true * size + predicted, minlength=size * size).reshape(size, size)


def accuracy(predicted: np.ndarray, true: np.ndarray) -> float:
    """Fraction of right classes."""
    return float(np.mean(predicted == true))


def balanced_accuracy(predicted: np.ndarray, true: np.ndarray) -> float:
    """Mean over the classes that occur of the fraction found."""
    counts = confusion(predicted, true)
    occurs = counts.sum(1) > 0
    return float(np.mean(counts.diagonal()[occurs] / counts.sum(1)[occurs]))


def macro_f1(predicted: np.ndarray, true: np.ndarray) -> float:
    """Mean over classes of 2 TP / (2 TP + FP + FN); classes neither true nor predicted are skipped."""
    counts = confusion(predicted, true)
    total = counts.sum(0) + counts.sum(1)
    occurs = total > 0
    return float(np.mean(2 * counts.diagonal()[occurs] / total[occurs]))


def average_precision(relevance: np.ndarray, similarity: np.ndarray) -> float:
    """Mean over the relevant entries [n] of the precision at their rank; NaN if none is relevant."""
    from sklearn.metrics import average_precision_score

    relevant = relevance > 0.5
    return float(average_precision_score(relevant, similarity)) if relevant.any() else float("nan")


def ndcg(relevance: np.ndarray, similarity: np.ndarray, k: int) -> float:
    """Discounted gain of the first k entries over the best possible, with gain = relevance [n]."""
    from sklearn.metrics import ndcg_score

    return float(ndcg_score(relevance[None], similarity[None], k=k))


def recall_at(relevance: np.ndarray, similarity: np.ndarray, k: int) -> float:
    """Fraction of the relevant entries [n] among the k most similar; equal similarities count against the query."""
    relevant = relevance > 0.5
    ahead = [np.sum(similarity >= s) - 1 for s in similarity[relevant]]  # everything not clearly worse is ahead
    return float(np.mean(np.asarray(ahead) < k)) if len(ahead) else float("nan")


def crps(probability: np.ndarray, values: np.ndarray, true: np.ndarray) -> np.ndarray:
    """∫ (F(x) - 1[x >= true])² dx of discrete distributions: probability [n, K] at ascending values [K]; float64 [n].

    By E|X - y| - E|X - X'| / 2 (Gneiting & Raftery 2007, JASA 102, 359), where E|X - X'| = 2 ∫ F (1 - F).
    """
    cumulative = np.cumsum(probability, axis=1)[:, :-1]
    spread = (cumulative * (1 - cumulative)) @ np.diff(values)
    return (probability * np.abs(values[None] - true[:, None])).sum(1) - spread


def pit(probability: np.ndarray, code: np.ndarray, seed: int = 0) -> np.ndarray:
    """F at the true code [n] of discrete distributions [n, K], with a drawn share of its own mass.

    Uniform if calibrated, however few codes hold the mass; with half of it instead, sure answers would all lie in the
    middle (randomised PIT: Czado, Gneiting & Held 2009, Biometrics 65, 1254).
    """
    at = np.take_along_axis(probability, code[:, None], 1)[:, 0]
    below = np.where(np.arange(probability.shape[1])[None] < code[:, None], probability, 0).sum(1)
    return below + at * np.random.default_rng(seed).uniform(size=len(at))


def off_uniform(pit: np.ndarray) -> float:
    """Largest distance of the cumulative distribution of numbers [n] from that of a uniform one (Kolmogorov)."""
    ordered, n = np.sort(pit), len(pit)
    steps = np.arange(n + 1) / n
    return float(max(np.max(steps[1:] - ordered), np.max(ordered - steps[:-1])))


def band(n: int) -> float:
    """What `off_uniform` of n uniform numbers stays below in 95 % of cases (Stephens 1970, JRSS B 32, 115)."""
    return 1.358 / (np.sqrt(n) + 0.12 + 0.11 / np.sqrt(n))


@dataclass(frozen=True)
class Metric:
    """A number about predictions, and which way is better.

    Args:
        function: (predicted [n], true [n]) -> float, or (relevance [n], similarity [n]) -> float for one query.
        better: the good direction.
        over: of metrics that have a value for each object [n], those of all objects -> float.
    """

    name: str
    title: str
    function: Callable[[np.ndarray, np.ndarray], float]
    better: Literal["high", "low", "zero"]
    over: Callable[[np.ndarray], float] = lambda values: float(np.nanmean(values))

    def merit(self, value: float) -> float:
        """The value turned so that larger is better."""
        return {"high": value, "low": -value, "zero": -abs(value)}[self.better]


def _middle(values: np.ndarray) -> float:
    return float(np.nanmedian(values))


_PLAIN = {
    m.name: m
    for m in (
        Metric("r2", "R²", r2, "high"),
        Metric("spearman", "Spearman ρ", spearman, "high"),
        Metric("sigma_nmad", "σ_NMAD", sigma_nmad, "low"),
        Metric("sigma_mad", "σ_MAD", sigma_mad, "low"),
        Metric("bias", "bias", bias, "zero"),
        Metric("accuracy", "accuracy", accuracy, "high"),
        Metric("balanced_accuracy", "balanced accuracy", balanced_accuracy, "high"),
        Metric("macro_f1", "macro-F1", macro_f1, "high"),
        Metric("map", "mAP", average_precision, "high"),
        Metric("nll", "NLL [nat / token]", lambda value, _: float(np.mean(value)), "low"),
        Metric("crps", "CRPS", lambda value, _: float(np.mean(value)), "low"),
        Metric("iou", "IoU", lambda value, _: float(np.mean(value)), "high"),
        Metric("pit", "PIT, distance from uniform", lambda value, _: off_uniform(value), "low", off_uniform),
        Metric("correlation", "correlation", lambda value, _: float(np.median(value)), "high", _middle),
    )
}
_PARAMETRIC = {
    "outliers": lambda t: Metric(f"outliers@{t:g}", f"|Δz|/(1+z) > {t:g}", partial(outliers, threshold=t), "low"),
    "ndcg": lambda k: Metric(f"ndcg@{k:g}", f"nDCG@{k:g}", partial(ndcg, k=int(k)), "high"),
    "recall": lambda k: Metric(f"recall@{k:g}", f"recall@{k:g}", partial(recall_at, k=int(k)), "high"),
}


def metric(name: str) -> Metric:
    """The metric called `name`; thresholds and depths follow an @, as in outliers@0.05, ndcg@10 and recall@1.

    Raises:
        FoundationError: no such metric.
    """
    stem, _, argument = name.partition("@")
    if not argument and stem in _PLAIN:
        return _PLAIN[stem]
    if stem in _PARAMETRIC and argument.replace(".", "", 1).isdigit():
        return _PARAMETRIC[stem](float(argument))
    known = ", ".join([*_PLAIN, *(f"{n}@NUMBER" for n in _PARAMETRIC)])
    raise FoundationError(f"no metric {name!r}; there are {known}. Name one of them under `metrics` of the task.")
