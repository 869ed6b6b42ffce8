"""calibration: posteriors bent until the truth falls where they say, as far as objects with a known answer tell.

F at the truth would be uniform among such objects were the posteriors calibrated. A Beta distribution fitted to it says
how to bend every F (after Bordoloi et al. 2010, MNRAS 406, 881, and Kuleshov et al. 2018, arXiv:1807.00263, who bend by
the empirical distribution): it is monotone and smooth, and has two numbers, which some hundred objects tell.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64
from scipy.optimize import minimize
from scipy.special import betainc

from foundation.evaluation.completion import OWN, Completed
from foundation.evaluation.split import Parts

LEAST = 1e-12  # of a probability, where its logarithm is taken
BENT = "own head, recalibrated"


@dataclass(frozen=True)
class Bend:
    """F becomes the cumulative Beta(a, b) of it; a = b = 1 leaves it, larger ones make it sharper.

    Args:
        a, b: above 0; a larger than b moves the mass to larger values.
    """

    a: float = 1.0
    b: float = 1.0

    @classmethod
    def fitted(cls, probability: Float64[np.ndarray, "n K"], code: Int64[np.ndarray, "n"]) -> "Bend":
        """That which makes the true codes of distributions over ascending values most probable.

        The logarithms of a and b have a normal prior of spread 1 about 0, so that a few objects bend little.
        """
        sides = _around(probability, code)

        def surprise(logs: np.ndarray) -> float:
            return float((logs**2).sum() / 2 - np.log(_mass(np.exp(logs), sides)).sum())

        return cls(*np.exp(minimize(surprise, np.zeros(2), method="Nelder-Mead").x).tolist())

    def __call__(self, probability: Float64[np.ndarray, "n K"]) -> Float64[np.ndarray, "n K"]:
        """Bent distributions over the same values."""
        bent = betainc(self.a, self.b, np.cumsum(probability, 1).clip(0, 1))
        bent[:, -1] = 1
        return np.diff(bent, axis=1, prepend=0)

    def of(self, done: Completed) -> Completed:
        """What was predicted, bent."""
        probability = self(done.probability)
        at = np.take_along_axis(probability, done.code[:, None], 1)[:, 0]
        return replace(done, probability=probability, nll=-np.log(at.clip(LEAST)))


def answers(done: Completed, parts: Parts) -> Iterator[tuple[str, Completed, float]]:
    """The model as it is and recalibrated on the training objects: name, test objects, merit on the validation objects.

    Args:
        done: distributions of all objects that are divided, of a scalar whose codes ascend.
    """
    learned, checked, tested = (done.at(index) for index in (parts.train, parts.validation, parts.test))
    bend = Bend.fitted(learned.probability, learned.code)
    yield OWN, tested, -float(checked.nll.mean())
    yield BENT, bend.of(tested), -float(bend.of(checked).nll.mean())


def _around(probability: np.ndarray, code: np.ndarray) -> np.ndarray:
    """F below and at the true codes, [2, n]."""
    at = np.take_along_axis(np.cumsum(probability, 1), code[:, None], 1)[:, 0]
    return np.stack([at - np.take_along_axis(probability, code[:, None], 1)[:, 0], at]).clip(0, 1)


def _mass(shape: np.ndarray, sides: np.ndarray) -> np.ndarray:
    below, above = betainc(*shape, sides)
    return (above - below).clip(LEAST)
