"""AION-1 at base size against its release: embeddings, a training step, generation of a spectrum, and codecs.

Both have the same random weights, tokens and budgets. Where a row says bf16, ours runs under autocast and the other in
float32, which is what the release offers.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from foundation.batch import pack
from foundation.bench import Row, bytes_compared, side_by_side
from foundation.data.records import Image, Record, Spectrum
from foundation.interop.aion import released_config
from foundation.interop.aion_keys import KEYS
from foundation.interop.aion_tokens import from_arrays
from foundation.interop.benchmark.peers import Peer, peer_of
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

STEPS, IMAGE_KEY, SPECTRUM_KEY = 8, "tok_image", "tok_spectrum_desi"
SCALARS = [name for name, key in KEYS.items() if not key.axes][:24]
GIVEN = (IMAGE_KEY, *SCALARS)  # 600 tokens
GIVEN_BUDGET, ASKED_BUDGET = (32, 256), (16, 128)  # of an object, drawn uniformly; the release pads to the most
BANDS = ("DES-G", "DES-R", "DES-I", "DES-Z")
TURNS = 2  # of A B B A: one takes minutes
CODEC_TURNS = 5  # these take seconds


def aion_vs_released(objects: int = 8) -> list[Row]:
    """Embeddings, training and codecs of so many objects, side by side."""
    model, peer = _both()
    return [row for part in (embeddings, training, codecs) for row in part(model, peer, objects)]


def generation_vs_released(objects: int = 8) -> list[Row]:
    """A spectrum of each of so many objects, side by side."""
    return generation(*_both(), objects)


def _both() -> tuple[FoundationModel, Peer]:
    """A base model with random weights, and what has the same weights."""
    torch.manual_seed(0)
    model = FoundationModel(released_config(False), [KEYS[n].space for n in sorted(KEYS)]).eval()
    return model, peer_of(model)


def embeddings(model: FoundationModel, peer: Peer, objects: int) -> list[Row]:
    """Frozen features of whole objects."""
    arrays = _arrays(GIVEN, objects)
    tokens = from_arrays(arrays)
    name = f"embeddings of {objects} objects of {len(tokens[0])} tokens, against {peer.name}"
    return _twice(name, lambda: peer.embed(arrays), lambda: model.encode(tokens, pool="none"), objects, "objects/s")


def training(model: FoundationModel, peer: Peer, objects: int) -> list[Row]:
    """Forward and backward where each object has budgets of its own."""
    arrays = _arrays((*GIVEN, SPECTRUM_KEY), objects)
    tokens = from_arrays(arrays)
    reveal = ragged(tokens)
    batch = pack(list(zip(tokens, reveal, strict=True)), model.spaces)
    masks, budgets = masks_of(arrays, tokens, reveal), (GIVEN_BUDGET[1], ASKED_BUDGET[1])

    def usual() -> None:
        peer.step(arrays, masks, budgets)

    def ours() -> None:
        local, counts = tally(model.heads, model(batch), batch), target_counts(batch, model.spaces)
        balanced(local.sums, counts, torch.ones(len(counts)), "space").backward()

    name = f"training step of {objects} ragged objects, against {peer.name}"
    return [*_twice(name, usual, ours, 1, "steps/s"), bytes_compared(f"{name}, memory", usual, ours)]


def ragged(tokens: Sequence[Tokens]) -> list[Tensor]:
    """Reveal steps by 4M's budgets, of another size for each object."""
    generator = torch.Generator().manual_seed(0)
    least, most = torch.tensor([GIVEN_BUDGET, ASKED_BUDGET]).T
    sizes = (least + (most + 1 - least) * torch.rand(len(tokens), 2, generator=generator)).long().tolist()
    return [RandomBudget(g, a)(t, generator) for t, (g, a) in zip(tokens, sizes, strict=True)]


def masks_of(
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


def generation(model: FoundationModel, peer: Peer, objects: int) -> list[Row]:
    """A spectrum from an image and numbers, in random order."""
    arrays = _arrays(GIVEN, objects)
    tokens = from_arrays(arrays)
    sampler = Sampler(model, frozenset(), Choice(), allow_untrained=True)

    def drawn(cached: bool) -> Callable[[], object]:
        return lambda: sampler.complete(tokens, [SPECTRUM_KEY], steps=STEPS, schedule="linear", cached=cached)

    def usual() -> object:
        return peer.generate(arrays, SPECTRUM_KEY, STEPS)

    name = f"a spectrum of {objects} objects in {STEPS} steps, against {peer.name}"
    return [
        side_by_side(name, usual, drawn(False), objects, "objects/s", turns=1),
        *_twice(f"{name}, ours cached", usual, drawn(True), objects, "objects/s", turns=1),
    ]


def codecs(model: FoundationModel, peer: Peer, objects: int) -> list[Row]:
    """Codes of images and of spectra."""
    rng = np.random.default_rng(0)
    flux = rng.normal(0, 1, (objects, len(BANDS), 96, 96)).astype("f4")
    grid = 3600 + 0.8 * np.arange(7781)
    light = (5 + rng.normal(0, 1, (objects, 7781))).astype("f4")
    image, spectrum = ImageTokenizer(ImageConfig()).eval(), SpectrumTokenizer(SpectrumConfig()).eval()
    images = [Image(f, BANDS, 0.262, np.ones_like(f)) for f in flux]
    spectra = [Spectrum(f, grid, np.ones_like(f)) for f in light]
    return [
        *_codes("images", peer, peer.image(image, flux, BANDS), image, images),
        *_codes("spectra", peer, peer.spectrum(spectrum, light, grid), spectrum, spectra),
    ]


def _codes(
    what: str, peer: Peer, usual: Callable[[], object], tokenizer: LearnedTokenizer, records: Sequence[Record]
) -> list[Row]:
    name = f"codes of {len(records)} {what}, against {peer.name}"
    frozen = torch.no_grad()(usual)
    return _twice(name, frozen, lambda: tokenizer.encode(records), len(records), f"{what}/s", CODEC_TURNS)


def _twice(
    name: str, usual: Callable[[], object], ours: Callable[[], object], amount: float, unit: str, turns: int = TURNS
) -> list[Row]:
    """Ours in float32 and in bfloat16."""

    def in_bf16() -> object:
        with torch.autocast("cpu", torch.bfloat16):
            return ours()

    fine = side_by_side(name, usual, ours, amount, unit, turns=turns)
    return [fine, side_by_side(f"{name}, ours in bf16", usual, in_bf16, amount, unit, turns=turns)]


def _arrays(names: Sequence[str], objects: int) -> dict[str, Tensor]:
    """Random codes of all places of these keys."""
    generator = torch.Generator().manual_seed(0)
    return {n: torch.randint(KEYS[n].size, (objects, len(template(KEYS[n].space))), generator=generator) for n in names}
