"""probes: small predictors on frozen features, their settings chosen on the validation part."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, cast

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from foundation.evaluation.attentive import attentive, mlp
from foundation.evaluation.problem import Answers, Problem

Head = LogisticRegression | Ridge | KNeighborsClassifier | KNeighborsRegressor
RIDGE_ALPHAS = (1e-1, 1e0, 1e1, 1e2, 1e3, 1e4)
LOGISTIC_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1e0)
NEIGHBOURS = (5, 10, 20, 40, 64)
COMPONENTS = 20  # of the principal components in which neighbours are also looked for


def linear(problem: Problem, seed: int) -> Answers:
    """Ridge regression, or logistic regression with balanced classes; the penalty is chosen on the validation part."""
    del seed  # a convex problem has one solution
    if problem.classes:
        heads = [LogisticRegression(C=c, class_weight="balanced", max_iter=300) for c in LOGISTIC_STRENGTHS]
    else:
        heads = [Ridge(alpha=a) for a in RIDGE_ALPHAS]
    return best((standardised(),), heads, problem)


def knn(problem: Problem, seed: int) -> Answers:
    """Mean of the nearest neighbours, by cosine or Euclidean distance, in all features or in principal components."""
    estimator = KNeighborsClassifier if problem.classes else KNeighborsRegressor
    counts = [k for k in NEIGHBOURS if k < len(problem.train)] or [1]
    heads = [estimator(k, weights="distance", metric=m) for k in counts for m in ("euclidean", "cosine")]
    width = min(COMPONENTS, problem.features.pooled.shape[1], len(problem.train) - 1)
    return best((standardised(), make_pipeline(standardised(), PCA(width, random_state=seed))), heads, problem)


def best(preparations: Iterable[Pipeline], heads: Sequence[Head], problem: Problem) -> Answers:
    """The answers of the preparation and head with the smallest loss on the validation part."""
    x, check = problem.features.pooled, problem.validation
    candidates = []
    for preparation in preparations:
        with np.errstate(invalid="ignore"):  # components of features that are all constant
            prepared = cast(Pipeline, clone(preparation)).fit(x[problem.train])
        x_train, x_check = prepared.transform(x[problem.train]), prepared.transform(x[check])
        for head in heads:
            fitted = _fit(cast(Head, clone(head)), x_train, problem.target[problem.train])
            answer = _predict(fitted, x_check, problem.classes)
            candidates.append((validation_loss(answer, problem.target[check]), answer, prepared, fitted))
    _, answer, prepared, fitted = min(candidates, key=lambda c: c[0])
    tested = prepared.transform(problem.test_features.pooled[problem.test])
    return Answers(answer, _predict(fitted, tested, problem.classes))


def validation_loss(predicted: np.ndarray, target: np.ndarray) -> float:
    """Mean absolute error of values [n], Brier score of probabilities [n, classes]: no few objects decide."""
    if predicted.ndim == 1:
        return float(np.mean(np.abs(predicted - target)))
    return float(np.mean(np.sum((predicted - np.eye(predicted.shape[1])[target]) ** 2, axis=1)))


def standardised() -> Pipeline:
    """Missing values at the training mean, then zero mean and unit variance."""
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())


def _fit(head: Head, x: np.ndarray, target: np.ndarray) -> Head:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an early stop only regularises, and validation decides
        if isinstance(head, Ridge):  # float32 is too little for its Cholesky factors
            return head.fit(x.astype(np.float64), target)
        return head.fit(x, target)


def _predict(head: Head, x: np.ndarray, classes: int) -> np.ndarray:
    if isinstance(head, Ridge | KNeighborsRegressor):
        return head.predict(x)
    probability = np.zeros((len(x), classes))
    probability[:, head.classes_] = head.predict_proba(x)  # a class may be absent from the training part
    return probability


ProbeName = Literal["linear", "knn", "mlp", "attentive"]
PROBES: dict[str, Callable[[Problem, int], Answers]] = {
    "linear": linear,
    "knn": knn,
    "mlp": mlp,
    "attentive": attentive,
}
