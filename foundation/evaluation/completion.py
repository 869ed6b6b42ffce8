"""completion: how well the model itself predicts a modality from others, against the marginal that knows no object."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical

from foundation.batch import pack
from foundation.data.records import Record, Scalar, Spectrum
from foundation.errors import FoundationError
from foundation.evaluation.metrics import crps, pit
from foundation.evaluation.outcome import Outcome, Source
from foundation.evaluation.split import Parts
from foundation.evaluation.tasks import Task
from foundation.model.over_tokens import OverTokens
from foundation.tokens import Tokens

SHRINKAGE = (
    1.0,
    10.0,
    100.0,
    1000.0,
    1e9,
)  # pseudo-counts of the whole space's histogram at each place; chosen on validation
BATCH = 32  # objects
OWN = "own head"


@dataclass(frozen=True, eq=False)
class Completed:
    """Predicted distributions of the asked tokens of n objects.

    Args:
        nll: float64 [n], mean negative log probability per token, nats.
        probability: float64 [n, K] for a target of one token, else empty.
        code: int64 [n], the true code of that token.
        values: float64 [K], what each code stands for, ascending.
        best: int64 [n, places], the most probable code of each token.
    """

    nll: np.ndarray
    probability: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    code: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))
    values: np.ndarray = field(default_factory=lambda: np.empty(0))
    best: np.ndarray = field(default_factory=lambda: np.empty((0, 0), dtype=int))

    def at(self, index: np.ndarray) -> "Completed":
        """Of some of the objects."""
        own = {name: getattr(self, name)[index] for name in ("nll", "probability", "code", "best")}
        return replace(self, **own)

    def standing_for(self, values: np.ndarray) -> "Completed":
        """The same with the codes sorted by the numbers [K] they stand for; unchanged if there are none."""
        if not len(self.probability) or not len(values):
            return self
        order = np.argsort(values, kind="stable")
        code = np.argsort(order)[self.code]
        return Completed(self.nll, self.probability[:, order], code, values[order], self.best)


def complete(model: OverTokens, tokens: Sequence[Tokens], inputs: Sequence[str], target: str) -> Completed:
    """The model's distributions of all tokens of `target` at once, given the tokens of `inputs`."""
    parts = [_complete(model, tokens[i : i + BATCH], inputs, target) for i in range(0, len(tokens), BATCH)]
    nll = np.concatenate([p.nll for p in parts])
    best = np.concatenate([p.best for p in parts])
    if not all(len(p.probability) for p in parts):
        return Completed(nll, best=best)
    probability, code = (np.concatenate([getattr(p, name) for p in parts]) for name in ("probability", "code"))
    return Completed(nll, probability, code, best=best)


@torch.no_grad()
def _complete(model: OverTokens, tokens: Sequence[Tokens], inputs: Sequence[str], target: str) -> Completed:
    device = next(model.parameters()).device
    batch = pack([asked(t, inputs, target) for t in tokens], model.spaces).to(device)
    prediction = model.predict(model(batch), batch)[target]
    log_probability = cast(Categorical, prediction.distribution).logits.cpu().double().log_softmax(-1)  # [Q, K]
    rows = prediction.rows.cpu()
    code, document = batch.ids.cpu()[rows], batch.document.cpu()[rows]
    surprise = -log_probability.gather(1, code[:, None])[:, 0]
    total = torch.zeros(len(tokens), dtype=torch.float64).index_add(0, document, surprise)
    nll = (total / torch.bincount(document, minlength=len(tokens))).numpy()
    best = log_probability.argmax(1).view(len(tokens), -1).numpy()
    if len(rows) > len(tokens):  # many tokens an object: their distributions would fill the memory
        return Completed(nll, best=best)
    return Completed(nll, log_probability.exp().numpy(), code.numpy(), best=best)


def asked(tokens: Tokens, inputs: Sequence[str], target: str) -> tuple[Tokens, Tensor]:
    """Tokens of inputs (reveal 0) and target (reveal 1); the others take no part."""
    reveal = torch.full((len(tokens),), -1)
    for name in inputs:
        reveal[tokens.of(name)] = 0
    reveal[tokens.of(target)] = 1
    return tokens, reveal


def marginal(codes: np.ndarray, size: int, parts: Parts) -> tuple[Completed, float]:
    """The distribution of each token at its place among the training objects, and its NLL on the validation part.

    The histogram of a place is shrunk towards that of the whole space, by as much as validation likes best.

    Args:
        codes: int64 [n, places].
    """
    whole = np.bincount(codes[parts.train].ravel(), minlength=size) + 0.5
    whole = whole / whole.sum()
    local = np.stack([np.bincount(c, minlength=size) for c in codes[parts.train].T])  # [places, size]
    tried = []
    for weight in SHRINKAGE:
        probability = (local + weight * whole) / (len(parts.train) + weight)
        tried.append((float(_place_nll(probability, codes[parts.validation]).mean()), probability))
    loss, probability = min(tried, key=lambda t: t[0])
    nll, best = _place_nll(probability, codes[parts.test]), np.tile(probability.argmax(1), (len(parts.test), 1))
    if codes.shape[1] > 1:
        return Completed(nll, best=best), loss
    return Completed(nll, np.repeat(probability, len(parts.test), 0), codes[parts.test, 0], best=best), loss


def _place_nll(probability: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Mean over places of the negative log probability [n] of codes [n, places]."""
    return -np.log(probability[np.arange(codes.shape[1])[None], codes]).mean(1)


def scalar_values(decode: Callable[[Tokens], Mapping[str, Record]], example: Tokens, target: str) -> np.ndarray:
    """float64 [K]: the number each code of a scalar's space stands for; empty if the target is not a scalar."""
    one = example.select(example.of(target))
    space = one.spaces[int(one.space[0])]
    record = decode(one)[target]
    if not isinstance(record, Scalar):
        return np.empty(0)
    records = (decode(_with_code(one, code))[target] for code in range(space.size))
    return np.array([r.value for r in records if isinstance(r, Scalar)])


def _with_code(one: Tokens, code: int) -> Tokens:
    return Tokens(one.spaces, torch.tensor([code]), one.space, one.position, one.track, one.vectors)


def correlations(
    decode: Callable[[Tokens], Mapping[str, Record]],
    tokens: Sequence[Tokens],
    best: np.ndarray,
    target: str,
    measured: Sequence[Spectrum],
) -> np.ndarray:
    """float64 [n]: of each spectrum that the most probable codes stand for with the measured one, at its good pixels.

    Args:
        tokens: of each object; those of the target give places only.
        best: int64 [n, places].
        measured: the records of the target.
    """
    found = np.full(len(tokens), np.nan)
    for i, (one, codes, spectrum) in enumerate(zip(tokens, best, measured, strict=True)):
        asked = replace(one.select(one.of(target)), ids=torch.from_numpy(codes))
        predicted, good = decode(asked)[target], spectrum.usable
        if isinstance(predicted, Spectrum):
            good = good & (spectrum.wavelength >= predicted.wavelength[0])
            good = good & (spectrum.wavelength <= predicted.wavelength[-1])
            value = np.interp(spectrum.wavelength[good], predicted.wavelength, predicted.flux)
            flat = not good.any() or min(np.ptp(value), np.ptp(spectrum.flux[good])) == 0
            found[i] = np.nan if flat else np.corrcoef(value, spectrum.flux[good])[0, 1]
    return found


def codes_of(tokens: Sequence[Tokens], target: str) -> np.ndarray:
    """int64 [n, places] codes of a modality.

    Raises:
        FoundationError: objects have different numbers of its tokens, or it is continuous.
    """
    codes = [t.ids[t.of(target)].numpy() for t in tokens]
    space = next(s for s in tokens[0].spaces if s.name == target)
    if not space.discrete or len({len(c) for c in codes}) != 1:
        raise FoundationError(
            f"completion of {target!r} wants a fixed number of discrete tokens. Choose another target."
        )
    return np.stack(codes)


def scored(
    task: Task,
    source: Source,
    done: Completed,
    merit: float,
    parts: Parts,
    more: Mapping[str, np.ndarray] | None = None,
    way: str = OWN,
) -> Outcome:
    """Outcome of a completion; of a scalar also the median of the distribution as its point estimate.

    Args:
        done: of the test objects.
        more: further metrics with a value for each object.
        way: by which the distributions were made.
    """
    values = {"nll": done.nll, **(more or {})}
    if not len(done.probability) or not len(done.values):
        return Outcome(source, way, merit, parts.test, np.empty(0), np.empty(0), len(parts.train), values)
    values["pit"] = pit(done.probability, done.code)
    values["crps"] = crps(done.probability, done.values, true := done.values[done.code])
    middle = (np.cumsum(done.probability, 1) < 0.5).sum(1).clip(max=len(done.values) - 1)
    return Outcome(source, way, merit, parts.test, true, done.values[middle][None], len(parts.train), values)
