"""problem: what a probe is given and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Features:
    """What a probe sees of n objects.

    Args:
        pooled: float32 [n, width], one vector an object; NaN where not measured.
        tokens: [T, D], tokens of many objects end to end, or None.
        begin, count: int64 [n], object i has the `count[i]` tokens from row `begin[i]` on.
    """

    pooled: np.ndarray
    tokens: Tensor | None = None
    begin: Tensor | None = None
    count: Tensor | None = None

    def at(self, index: np.ndarray) -> "Features":
        """Those of the objects at `index`; the tokens are shared, not copied."""
        if self.begin is None or self.count is None:
            return Features(self.pooled[index])
        return Features(self.pooled[index], self.tokens, self.begin[index], self.count[index])

    @classmethod
    def end_to_end(cls, parts: Sequence["Features"]) -> "Features":
        """The objects of all parts in turn; with tokens if all have them."""
        pooled = np.concatenate([part.pooled for part in parts])
        begin, tokens, counts, before = [], [], [], 0
        for part in parts:
            if part.tokens is None or part.begin is None or part.count is None:
                return cls(pooled)
            begin.append(part.begin + before)
            tokens.append(part.tokens)
            counts.append(part.count)
            before += len(part.tokens)
        return cls(pooled, torch.cat(tokens), torch.cat(begin), torch.cat(counts))


@dataclass(frozen=True, eq=False)
class Problem:
    """Predict the targets of the validation and test objects from those of the training objects.

    Args:
        features: of the n objects the probe learns from.
        target: float64 [n], or int64 [n] classes from 0.
        train, validation: indices into these n objects.
        test_features: of the objects to test on; the same object as `features` unless another record set is tested.
        test: indices into those.
        classes: number of classes, 0 in a regression.
    """

    features: Features
    target: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test_features: Features
    test: np.ndarray
    classes: int = 0


@dataclass(frozen=True, eq=False)
class Answers:
    """Predicted values [n], or class probabilities [n, classes], of the validation and of the test objects."""

    validation: np.ndarray
    test: np.ndarray
