"""features: frozen features of record sets, computed once and then read from a cache that knows whose they are."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, islice
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from foundation.data.records import Sample
from foundation.errors import FoundationError
from foundation.evaluation.observations import Observations
from foundation.evaluation.problem import Features
from foundation.evaluation.tasks import Pooling
from foundation.files import whole_file
from foundation.model.encoding import Features as States
from foundation.model.pretrained import FoundationModel
from foundation.progress import track
from foundation.seeded import seeded
from foundation.tokens import Space, Tokens

HALF_LIMIT = 6e4  # float16 ends at 65504
TOKENISED_AT_ONCE = 64  # samples
NOTHING = Tokens.of_space(Space("nothing", "discrete", 1), torch.zeros(0))
CELLS = 16  # about so many places of a space, whatever the number of its axes


class TokenStore:
    """The tokens of record sets, made when first asked for and then kept: all encoders compared read the same ones.

    Args:
        model: whose tokenizers.
        modalities: to tokenise.
    """

    def __init__(self, model: FoundationModel, modalities: Sequence[str]) -> None:
        self.model, self.modalities = model, list(modalities)
        self._kept: dict[str, list[Tokens]] = {}

    def of(self, observations: Observations) -> list[Tokens]:
        """Tokens of every object; an object that has none of the modalities has an empty place."""
        if observations.name not in self._kept:
            has_any = [not m.isdisjoint(self.modalities) for m in observations.modalities]
            samples = track(observations.samples(), f"tokenising {observations.name}", len(observations))
            made = self._made(compress(samples, has_any))
            self._kept[observations.name] = [next(made) if has else NOTHING for has in has_any]
        return self._kept[observations.name]

    def _made(self, samples: Iterable[Sample]) -> Iterator[Tokens]:
        samples = iter(samples)
        while chunk := list(islice(samples, TOKENISED_AT_ONCE)):
            yield from self.model.tokenise(chunk, self.modalities)


class Extractor:
    """Features of one encoder.

    Args:
        model: the encoder.
        tokens: of the objects; shared by the encoders that are compared.
        folder: of the cache; files are named by what they depend on.
        layer: of the encoder, None = after the final norm.
        pool: "mean" over all tokens of an object, the means of its "spaces" side by side, or those of "places", into
            which the axes of each space are cut, such as 4 x 4 of an image, for one mean loses where something is.
    """

    def __init__(
        self, model: FoundationModel, tokens: TokenStore, folder: Path, layer: int | None = None, pool: Pooling = "mean"
    ) -> None:
        self.model, self.tokens, self.folder, self.layer = model, tokens, folder, layer
        self.pool: Pooling = pool
        self.weights = weights_hash(model)

    def __call__(
        self, observations: Observations, inputs: Sequence[str], index: np.ndarray, pool: Pooling | None = None
    ) -> Features:
        """Features of the objects at `index`, which all have these modalities; pooled otherwise, if said."""
        everyone, pool = observations.having(inputs), pool or self.pool
        path = self.folder / f"{self._key(observations, inputs, pool)}.safetensors"
        stored = _read(path)
        if stored is None:
            stored = self._compute(observations, inputs, everyone, pool)
            with whole_file(path) as temporary:
                save_file(stored, temporary)
        count = torch.diff(stored["offsets"])
        features = Features(stored["pooled"].numpy(), stored["tokens"], stored["offsets"][:-1], count)
        return features.at(np.searchsorted(everyone, index))

    def _key(self, observations: Observations, inputs: Sequence[str], pool: Pooling) -> str:
        bundle = self.model.tokenizers
        content = {
            "weights": self.weights,
            "tokenizers": bundle.fingerprint() if bundle else "",
            "data": observations.fingerprint,
            "objects": len(observations),
            "inputs": sorted(inputs),
            "layer": self.layer,
            "pool": pool,
        }
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]

    def _compute(
        self, observations: Observations, inputs: Sequence[str], index: np.ndarray, pool: Pooling
    ) -> dict[str, torch.Tensor]:
        everything = self.tokens.of(observations)
        tokens = [everything[i] for i in index]
        made = [not set(inputs).isdisjoint(t.names()) for t in tokens]  # a tokenizer may refuse a record
        encoded = self.model.encode(list(compress(tokens, made)), layer=self.layer, pool="none", modalities=inputs)
        half = encoded.values.abs().max() < HALF_LIMIT
        means = pooled(encoded, [s for s in self.model.spaces if s.name in inputs], pool)
        vectors = torch.full((len(tokens), means.shape[1]), torch.nan)
        vectors[torch.tensor(made)] = means
        count = torch.zeros(len(tokens), dtype=torch.long)
        count[torch.tensor(made)] = _counts(encoded)
        offsets = torch.cat([count.new_zeros(1), count.cumsum(0)])
        return {"pooled": vectors, "tokens": encoded.values.half() if half else encoded.values, "offsets": offsets}


def pooled(states: States, spaces: Sequence[Space], pool: Pooling) -> torch.Tensor:
    """float32 [n, groups * D], the mean of each group of an object's tokens side by side; NaN where there are none.

    Args:
        states: of all tokens.
        spaces: that these have.
        pool: what is a group: all tokens, a space, or a place in it.
    """
    n, width = len(states), states.values.shape[1]
    group, groups = _groups(states, spaces, pool)
    document = torch.repeat_interleave(torch.arange(n), _counts(states))
    return _means(states.values, document * groups + group, n * groups).reshape(n, groups * width)


def _groups(states: States, spaces: Sequence[Space], pool: Pooling) -> tuple[torch.Tensor, int]:
    """The group of each token, and how many an object has."""
    group, groups = torch.zeros(len(states.values), dtype=torch.long), 0
    if pool == "mean":
        return group, 1
    found, position = (cast(torch.Tensor, of_token) for of_token in (states.space, states.position))
    for space in spaces:
        rows = torch.nonzero(found == states.names.index(space.name)).flatten()
        cell, cells = _cells(position[rows], space) if pool == "places" else (0, 1)
        group[rows] = groups + cell
        groups += cells
    return group, groups


def _cells(position: torch.Tensor, space: Space) -> tuple[torch.Tensor, int]:
    """The cell of each token along its space's axes, and how many cells there are."""
    cell, each = torch.zeros(len(position), dtype=torch.long), round(CELLS ** (1 / max(len(space.axes), 1)))
    for number, axis in enumerate(space.axes):
        share = (position[:, number] - axis.low + axis.step / 2) / (axis.high - axis.low + axis.step)
        cell = cell * each + (share * each).long().clamp(0, each - 1)
    return cell, each ** len(space.axes)


def _counts(states: States) -> torch.Tensor:
    """int64 [n]: tokens of each object."""
    return torch.diff(cast(torch.Tensor, states.offsets))  # encoded with pool "none"


def _means(values: torch.Tensor, group: torch.Tensor, groups: int) -> torch.Tensor:
    total = torch.zeros(groups, values.shape[1]).index_add_(0, group, values.float())
    return total / torch.bincount(group, minlength=groups)[:, None]  # 0 / 0 = NaN: not measured


def weights_hash(model: torch.nn.Module) -> str:
    """Twelve hex digits of the hash of all weights, with their names, shapes and types."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]


def random_encoder(model: FoundationModel, seed: int) -> FoundationModel:
    """The same architecture with freshly drawn weights: what is better than this is owed to training."""
    with seeded(seed):
        twin = FoundationModel(model.config, model.spaces, model.tokenizers)
    return twin.to(next(model.parameters()).device).eval()


def _read(path: Path) -> dict[str, torch.Tensor] | None:
    if not path.is_file():
        return None
    try:
        return load_file(path)
    except SafetensorError as error:
        raise FoundationError(
            f"{path}: these cached features are damaged ({error}). Delete the file and evaluate again."
        ) from error
