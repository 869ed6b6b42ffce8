"""The `plan` verb for token models: what `foundation train` would take."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from foundation.batch import TokenBatch, pack
from foundation.config import ModelConfig
from foundation.data.module import FoundationDataModule
from foundation.data.packing import balanced, elements
from foundation.data.shards import TokenSample
from foundation.data.stream import TokenStream
from foundation.model.transformer import FoundationTransformer
from foundation.plan.command import verb
from foundation.plan.job import Job
from foundation.tokens import Axis, Space, Tokens, concatenate
from foundation.training.base import TrainingModule
from foundation.training.module import PretrainingModule
from foundation.training.train import train

WINDOWS = 2  # read for an idea of the micro-batches
PROBE = 2048  # elements of the micro-batch that is run, or of the smallest sample
BATCHES = 4  # made up where there are no shards


Build = Callable[[dict[str, Any], tuple[Space, ...], Any], TrainingModule]  # options, spaces, sizes of the model


def job(options: dict[str, Any], build: Build | None = None) -> Job:
    """The job of `foundation train` with these options; `assume` is name -> (codes, tokens of an object).

    Args:
        build: makes the training module, where it is not that of `FoundationTransformer`.
    """
    model, data, policy, trainer = (options[name] for name in ("model", "data", "policy", "trainer"))
    generator = torch.Generator().manual_seed(options["seed"])
    spaces, samples, source = _assumed(options["assume"]) if options.get("assume") else _read(options)
    if options.get("assume"):  # as many as fill batches, all alike
        size = int(elements([policy(samples[0].tokens, generator)])[0])
        samples = samples * BATCHES * max(1, data.tokens_per_batch // size)
    reveals = [policy(s.tokens, generator) for s in samples]
    batches = _batches(samples, reveals, spaces, data.tokens_per_batch)
    probe = _probe(samples, reveals, spaces, min(PROBE, data.tokens_per_batch))
    depths = ("depth", "decoder_depth") if model.decoder_depth else ("depth",)
    return Job(model, depths, partial(build or _build, options, spaces), batches, probe, trainer, source)


def _read(options: dict[str, Any]) -> tuple[tuple[Space, ...], list[TokenSample], str]:
    data, policy, seed = options["data"], options["policy"], options["seed"]
    module = FoundationDataModule(data, policy, seed, 1)
    stream = TokenStream(module.shards, policy, module.spaces, seed, window=data.window)
    samples = [s for w in range(WINDOWS) for s in stream.draw(w)[0]]
    return module.spaces, samples, f"{len(samples)} objects of {module.shards.path}"


def _assumed(sizes: dict[str, tuple[int, int]]) -> tuple[tuple[Space, ...], list[TokenSample], str]:
    spaces = tuple(_space(name, codes, length) for name, (codes, length) in sizes.items())
    parts = [_tokens(space, length) for space, (_, length) in zip(spaces, sizes.values(), strict=True)]
    whole = concatenate(parts)
    source = f"objects with {len(whole)} tokens in {len(spaces)} spaces, as assumed"
    return spaces, [TokenSample("assumed", whole)], source


def _build(options: dict[str, Any], spaces: tuple[Space, ...], model: ModelConfig) -> PretrainingModule:
    return PretrainingModule(FoundationTransformer(model, spaces), options["optim"], options["trainer"].max_steps)


def _batches(
    samples: Sequence[TokenSample], reveals: Sequence[torch.Tensor], spaces: tuple[Space, ...], budget: int
) -> list[TokenBatch]:
    dealt = balanced(elements(reveals), budget)
    return [pack([(samples[i].tokens, reveals[i]) for i in batch], spaces) for batch in dealt]


def _probe(
    samples: Sequence[TokenSample], reveals: Sequence[torch.Tensor], spaces: tuple[Space, ...], budget: int
) -> TokenBatch:
    """A small batch; of one sample, if all are larger."""
    sizes = elements(reveals).tolist()
    budget = max(budget, min(sizes))
    fitting = [i for i, size in enumerate(sizes) if size <= budget]
    return _batches([samples[i] for i in fitting], [reveals[i] for i in fitting], spaces, budget)[0]


def _space(name: str, codes: int, length: int) -> Space:
    axes = (Axis("index", "", 0.0, float(length), 1.0),) if length > 1 else ()
    return Space(name, "discrete", codes, axes)


def _tokens(space: Space, length: int) -> Tokens:
    place = torch.arange(float(length), dtype=torch.float64)[:, None] if space.axes else None
    return Tokens.of_space(space, torch.zeros(length, dtype=torch.long), place)


plan = verb(train, job, dict[str, tuple[int, int]], {})
