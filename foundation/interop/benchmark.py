"""AION-1 at base size against `polymathic-aion`: embeddings, a training step, generation of a spectrum, and codecs.

Both have the same random weights, tokens and budgets. Where a row says bf16, ours runs under autocast and theirs in
float32, which is what its release offers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foundation.batch import pack
from foundation.bench import Row, bytes_compared, side_by_side
from foundation.data.records import Image, Record, Spectrum
from foundation.errors import FoundationError
from foundation.interop.aion import released_config, to_released
from foundation.interop.aion_keys import KEYS
from foundation.interop.aion_networks import IMAGE, SPECTRUM
from foundation.interop.aion_tokens import from_arrays
from foundation.masking.budget import RandomBudget
from foundation.model.pretrained import FoundationModel
from foundation.sampling.choose import Choice
from foundation.sampling.sampler import Sampler
from foundation.sampling.template import template
from foundation.tokenizers.image import ImageConfig, ImageTokenizer
from foundation.tokenizers.learned import LearnedTokenizer
from foundation.tokenizers.spectrum import SpectrumConfig, SpectrumTokenizer
from foundation.tokens import Tokens
from foundation.training.loss import balanced, tally, target_counts

OBJECTS, STEPS, IMAGE_KEY, SPECTRUM_KEY = 8, 8, "tok_image", "tok_spectrum_desi"
SCALARS = [name for name, key in KEYS.items() if not key.axes][:24]
GIVEN = (IMAGE_KEY, *SCALARS)  # 600 tokens
GIVEN_BUDGET, ASKED_BUDGET = (32, 256), (16, 128)  # of an object, drawn uniformly; the release pads to the most
BANDS = ("DES-G", "DES-R", "DES-I", "DES-Z")
TURNS = 2  # of A B B A: one takes minutes


def aion_vs_released() -> list[Row]:
    """Embeddings, training, generation and codecs, side by side.

    Raises:
        FoundationError: `polymathic-aion` is not installed.
    """
    try:
        from aion.model import AION  # pyright: ignore[reportMissingImports] - the user's to install
    except ImportError as error:
        raise FoundationError(
            "This benchmark compares with polymathic-aion, which is not installed. Type "
            "`pip install --no-deps polymathic-aion==0.0.2`."
        ) from error
    torch.manual_seed(0)
    model = FoundationModel(released_config(False), [KEYS[n].space for n in sorted(KEYS)]).eval()
    theirs = AION(_released_options()).eval()
    theirs.load_state_dict(to_released(model.state_dict(), model.config, model.spaces), assign=True)
    return [*_embeddings(model, theirs), *_training(model, theirs), *_generation(model, theirs), *_codecs()]


def _released_options() -> dict[str, object]:
    sizes = {"encoder_depth": 12, "decoder_depth": 12, "dim": 768, "num_heads": 12, "mlp_ratio": 4}
    absent = dict.fromkeys(("qkv_bias", "proj_bias", "mlp_bias", "norm_bias"), False)
    parts = {"act_layer": "SiLU", "gated_mlp": True, "qk_norm": True}
    return {**sizes, **absent, **parts, "domains_in": sorted(KEYS), "domains_out": sorted(KEYS)}


def _embeddings(model: FoundationModel, theirs: Any) -> list[Row]:  # noqa: ANN401
    arrays = _arrays(GIVEN)
    tokens, count = from_arrays(arrays), sum(a.shape[1] for a in arrays.values())
    usual = torch.no_grad()(lambda: theirs.encode(arrays, num_encoder_tokens=count))

    def ours() -> object:
        return model.encode(tokens, pool="none")

    name = f"embeddings of {OBJECTS} objects of {count} tokens"
    return [
        side_by_side(name, usual, ours, OBJECTS, "objects/s", turns=TURNS),
        side_by_side(f"{name}, ours in bf16", usual, _in_bf16(ours), OBJECTS, "objects/s", turns=TURNS),
    ]


def _training(model: FoundationModel, theirs: Any) -> list[Row]:  # noqa: ANN401
    from aion.fourm.fm import FM  # pyright: ignore[reportMissingImports]

    arrays = _arrays((*GIVEN, SPECTRUM_KEY))
    tokens = from_arrays(arrays)
    reveal = _ragged(tokens)
    batch = pack(list(zip(tokens, reveal, strict=True)), model.spaces)
    masks = _masks(arrays, tokens, reveal)

    def usual() -> None:
        fed = {k: {"tensor": arrays[k], **{n: m.clone() for n, m in parts.items()}} for k, parts in masks.items()}
        loss, _ = FM.forward(theirs, fed, GIVEN_BUDGET[1], ASKED_BUDGET[1], "mod")
        loss.backward()

    def ours() -> None:
        local = tally(model.heads, model(batch), batch)
        counts = target_counts(batch, model.spaces)
        balanced(local.sums, counts, torch.ones(len(counts)), "space").backward()

    name = f"training step of {OBJECTS} ragged objects"
    return [
        side_by_side(name, usual, ours, 1, "steps/s", turns=TURNS),
        bytes_compared(f"{name}, memory", usual, ours),
        side_by_side(f"{name}, ours in bf16", usual, _in_bf16(ours), 1, "steps/s", turns=TURNS),
    ]


def _ragged(tokens: Sequence[Tokens]) -> list[Tensor]:
    """Reveal steps by 4M's budgets, of another size for each object."""
    generator = torch.Generator().manual_seed(0)
    least, most = torch.tensor([GIVEN_BUDGET, ASKED_BUDGET]).T
    sizes = (least + (most + 1 - least) * torch.rand(len(tokens), 2, generator=generator)).long().tolist()
    return [RandomBudget(g, a)(t, generator) for t, (g, a) in zip(tokens, sizes, strict=True)]


def _masks(
    arrays: Mapping[str, Tensor], tokens: Sequence[Tokens], reveal: Sequence[Tensor]
) -> dict[str, dict[str, Tensor]]:
    """The same budgets as the release has them: what is hidden, what is not asked, and how many are, at the first."""
    masks = {}
    for key in arrays:
        step = torch.stack([r[t.of(key)] for t, r in zip(tokens, reveal, strict=True)])
        asked, first = (step == 1).sum(1), (step == 1).int().argmax(1)
        compressed = torch.zeros_like(step)
        compressed[torch.arange(len(step)), first] = asked
        masks[key] = {"input_mask": step != 0, "target_mask": step != 1, "decoder_attention_mask": compressed}
    return masks


def _generation(model: FoundationModel, theirs: Any) -> list[Row]:  # noqa: ANN401
    from aion.fourm.generate import (  # pyright: ignore[reportMissingImports]
        GenerationSampler,
        build_chained_generation_schedules,
        init_empty_target_modality,
        init_full_input_modality,
    )
    from aion.fourm.modality_info import MODALITY_INFO  # pyright: ignore[reportMissingImports]

    arrays, count = _arrays(GIVEN), len(template(KEYS[SPECTRUM_KEY].space))
    schedule = build_chained_generation_schedules(
        list(GIVEN), [SPECTRUM_KEY], [count], ["roar"], [STEPS], ["linear"], [1.0], ["constant"], [1.0], ["constant"]
    )
    sampler = GenerationSampler(theirs)

    def usual() -> object:
        fed = {k: {"tensor": a.clone()} for k, a in arrays.items()}
        for key in arrays:
            fed = init_full_input_modality(fed, MODALITY_INFO, key, "cpu")
        fed = init_empty_target_modality(fed, MODALITY_INFO, SPECTRUM_KEY, OBJECTS, count, "cpu")
        return sampler.generate(fed, schedule, seed=0)

    tokens = from_arrays(arrays)
    ours = Sampler(model, frozenset(), Choice(), allow_untrained=True)

    def drawn(cached: bool) -> Callable[[], object]:
        asked = {"steps": STEPS, "schedule": "linear", "cached": cached}
        return lambda: ours.complete(tokens, [SPECTRUM_KEY], **asked)

    name = f"a spectrum of {OBJECTS} objects in {STEPS} steps"
    return [
        side_by_side(name, usual, drawn(False), OBJECTS, "objects/s", turns=1),
        side_by_side(f"{name}, ours cached", usual, drawn(True), OBJECTS, "objects/s", turns=1),
        side_by_side(f"{name}, ours cached in bf16", usual, _in_bf16(drawn(True)), OBJECTS, "objects/s", turns=1),
    ]


def _codecs() -> list[Row]:
    from aion.codecs.image import ImageCodec  # pyright: ignore[reportMissingImports]
    from aion.codecs.spectrum import SpectrumCodec  # pyright: ignore[reportMissingImports]
    from aion.modalities import DESISpectrum, LegacySurveyImage  # pyright: ignore[reportMissingImports]

    rng = np.random.default_rng(0)
    flux = rng.normal(0, 1, (OBJECTS, 4, 96, 96)).astype("f4")
    wavelength = 3600 + 0.8 * np.arange(7781)
    light = (5 + rng.normal(0, 1, (OBJECTS, 7781))).astype("f4")
    images: list[Record] = [Image(f, BANDS, 0.262, np.ones_like(f)) for f in flux]
    spectra: list[Record] = [Spectrum(f, wavelength, np.ones_like(f)) for f in light]
    ours = ImageTokenizer(ImageConfig(), IMAGE_KEY).eval(), SpectrumTokenizer(SpectrumConfig(), SPECTRUM_KEY).eval()
    theirs = (
        ImageCodec(**IMAGE.stored(ours[0].config, KEYS[IMAGE_KEY])).eval(),
        SpectrumCodec(**SPECTRUM.stored(ours[1].config, KEYS[SPECTRUM_KEY])).eval(),
    )
    for codec, mine, kind in zip(theirs, ours, (IMAGE, SPECTRUM), strict=True):
        codec.load_state_dict(kind.released(mine.state_dict(), mine.config), assign=True)
    given = {
        "flux": torch.from_numpy(light),
        "ivar": torch.ones(OBJECTS, 7781),
        "mask": torch.zeros(OBJECTS, 7781, dtype=torch.bool),
        "wavelength": torch.from_numpy(wavelength.astype("f4")).expand(OBJECTS, -1),
    }
    made = (
        lambda: theirs[0].encode(LegacySurveyImage(flux=torch.from_numpy(flux.copy()), bands=list(BANDS))),
        lambda: theirs[1].encode(DESISpectrum(**given)),
    )
    return [
        row
        for what, usual, tokenizer, records in zip(("images", "spectra"), made, ours, (images, spectra), strict=True)
        for row in _codec(f"codes of {OBJECTS} {what}", torch.no_grad()(usual), tokenizer, records)
    ]


def _codec(name: str, usual: Callable[[], object], tokenizer: LearnedTokenizer, records: Sequence[Record]) -> list[Row]:
    def ours() -> object:
        return tokenizer.encode(records)

    row = side_by_side(name, usual, ours, OBJECTS, "objects/s", turns=TURNS)
    fast = side_by_side(name, usual, _in_bf16(ours), OBJECTS, "objects/s", turns=TURNS)
    return [row, replace(fast, name=f"{name}, ours in bf16")]


def _in_bf16(function: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        with torch.autocast("cpu", torch.bfloat16):
            return function()

    return run


def _arrays(names: Sequence[str]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {n: torch.randint(KEYS[n].size, (OBJECTS, len(template(KEYS[n].space))), generator=generator) for n in names}
