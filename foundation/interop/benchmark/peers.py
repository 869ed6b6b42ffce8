"""What AION-1 is measured against: `polymathic-aion` where it is installed, else a plain reading, padded alike."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foundation.bench import slow_reading
from foundation.interop.aion import to_released
from foundation.interop.aion_keys import KEYS
from foundation.interop.aion_networks import IMAGE, SPECTRUM
from foundation.model.pretrained import FoundationModel
from foundation.sampling.template import template
from foundation.tokenizers.image import ImageTokenizer
from foundation.tokenizers.spectrum import SpectrumTokenizer

Arrays = Mapping[str, Tensor]  # key -> codes [B, n]
Masks = Mapping[str, Mapping[str, Tensor]]  # key -> input_mask, target_mask and decoder_attention_mask [B, n]


class Peer(ABC):
    """The usual way to do what is measured, with the weights of a model of ours."""

    name: str

    @abstractmethod
    def embed(self, arrays: Arrays) -> object:
        """Embeddings of all tokens."""

    @abstractmethod
    def step(self, arrays: Arrays, masks: Masks, budgets: tuple[int, int]) -> None:
        """Forward and backward of a training step."""

    @abstractmethod
    def generate(self, arrays: Arrays, key: str, steps: int) -> object:
        """Codes of a key, drawn in random order."""

    @abstractmethod
    def image(self, tokenizer: ImageTokenizer, flux: np.ndarray, bands: Sequence[str]) -> Callable[[], object]:
        """What makes the codes of images [B, bands, y, x] with the weights of the tokenizer."""

    @abstractmethod
    def spectrum(self, tokenizer: SpectrumTokenizer, flux: np.ndarray, grid: np.ndarray) -> Callable[[], object]:
        """The same of spectra [B, pixels], whose inverse variance is 1."""


def peer_of(model: FoundationModel) -> Peer:
    """The release if it can be imported, else the plain reading of the tests."""
    return Released(model) if find_spec("aion") is not None else Plain(model)


class Released(Peer):
    """`polymathic-aion` 0.0.2."""

    name = "polymathic-aion"

    def __init__(self, model: FoundationModel) -> None:
        from aion.fourm.fm import FM  # pyright: ignore[reportMissingImports] - the user's to install
        from aion.model import AION  # pyright: ignore[reportMissingImports]

        sizes = {"encoder_depth": model.config.depth, "decoder_depth": model.config.decoder_depth}
        sizes |= {"dim": model.config.width, "num_heads": model.config.heads, "mlp_ratio": 4}
        parts = {"act_layer": "SiLU", "gated_mlp": True, "qk_norm": True, "domains_in": sorted(KEYS)}
        absent = dict.fromkeys(("qkv_bias", "proj_bias", "mlp_bias", "norm_bias"), False)
        self.model: Any = AION({**sizes, **parts, **absent, "domains_out": sorted(KEYS)}).eval()
        self.model.load_state_dict(to_released(model.state_dict(), model.config, model.spaces), assign=True)
        self.training: Any = FM.forward  # the wrapper's own forward has no loss

    @torch.no_grad()
    def embed(self, arrays: Arrays) -> object:
        """Embeddings of all tokens."""
        return self.model.encode(dict(arrays), num_encoder_tokens=sum(a.shape[1] for a in arrays.values()))

    def step(self, arrays: Arrays, masks: Masks, budgets: tuple[int, int]) -> None:
        """Forward and backward of a training step."""
        fed = {k: {"tensor": arrays[k], **{n: m.clone() for n, m in parts.items()}} for k, parts in masks.items()}
        loss, _ = self.training(self.model, fed, *budgets, "mod")
        loss.backward()

    def generate(self, arrays: Arrays, key: str, steps: int) -> object:
        """Codes of a key, drawn in random order."""
        from aion.fourm import generate  # pyright: ignore[reportMissingImports]
        from aion.fourm.modality_info import MODALITY_INFO  # pyright: ignore[reportMissingImports]

        objects, count = len(next(iter(arrays.values()))), len(template(KEYS[key].space))
        schedule = generate.build_chained_generation_schedules(
            list(arrays), [key], [count], ["roar"], [steps], ["linear"], [1.0], ["constant"], [1.0], ["constant"]
        )
        fed = {k: {"tensor": a.clone()} for k, a in arrays.items()}
        for given in arrays:
            fed = generate.init_full_input_modality(fed, MODALITY_INFO, given, "cpu")
        fed = generate.init_empty_target_modality(fed, MODALITY_INFO, key, objects, count, "cpu")
        return generate.GenerationSampler(self.model).generate(fed, schedule, seed=0)

    def image(self, tokenizer: ImageTokenizer, flux: np.ndarray, bands: Sequence[str]) -> Callable[[], object]:
        """What makes the codes of images; it changes its input in place, so it gets a copy."""
        from aion.codecs.image import ImageCodec  # pyright: ignore[reportMissingImports]
        from aion.modalities import LegacySurveyImage  # pyright: ignore[reportMissingImports]

        codec = ImageCodec(**IMAGE.stored(tokenizer.config, KEYS["tok_image"])).eval()
        codec.load_state_dict(IMAGE.released(tokenizer.state_dict(), tokenizer.config), assign=True)
        return lambda: codec.encode(LegacySurveyImage(flux=torch.from_numpy(flux.copy()), bands=list(bands)))

    def spectrum(self, tokenizer: SpectrumTokenizer, flux: np.ndarray, grid: np.ndarray) -> Callable[[], object]:
        """What makes the codes of spectra."""
        from aion.codecs.spectrum import SpectrumCodec  # pyright: ignore[reportMissingImports]
        from aion.modalities import DESISpectrum  # pyright: ignore[reportMissingImports]

        codec = SpectrumCodec(**SPECTRUM.stored(tokenizer.config, KEYS["tok_spectrum_desi"])).eval()
        codec.load_state_dict(SPECTRUM.released(tokenizer.state_dict(), tokenizer.config), assign=True)
        light, wavelength = torch.from_numpy(flux), torch.from_numpy(grid.astype("f4")).repeat(len(flux), 1)
        good = torch.zeros(flux.shape, dtype=torch.bool)
        made = DESISpectrum(flux=light, ivar=torch.ones(flux.shape), mask=good, wavelength=wavelength)
        return lambda: codec.encode(made)


class Plain(Peer):
    """The plain reading of the published description that is among the tests; codecs one object at a time."""

    name = "a plain reading"

    def __init__(self, model: FoundationModel) -> None:
        self.reading, self.codecs = (slow_reading(f"interop/{n}.py") for n in ("padded_aion", "slow_codecs"))
        released = to_released(model.state_dict(), model.config, model.spaces)
        self.weights = {n: t.detach().clone().requires_grad_("pos_emb" not in n) for n, t in released.items()}
        self.heads = model.config.heads

    @torch.no_grad()
    def embed(self, arrays: Arrays) -> object:
        """Embeddings of all tokens."""
        hidden = {k: torch.zeros_like(a, dtype=torch.bool) for k, a in arrays.items()}
        count = sum(a.shape[1] for a in arrays.values())
        return self.reading.context_of(self.weights, arrays, hidden, count, self.heads)

    def step(self, arrays: Arrays, masks: Masks, budgets: tuple[int, int]) -> None:
        """Forward and backward of a training step."""
        hidden, unasked = ({k: m[n] for k, m in masks.items()} for n in ("input_mask", "target_mask"))
        self.reading.training_loss(self.weights, arrays, hidden, unasked, budgets, self.heads).backward()

    @torch.no_grad()
    def generate(self, arrays: Arrays, key: str, steps: int) -> object:
        """Codes of a key, drawn in random order."""
        return self.reading.roar(self.weights, arrays, key, steps, self.heads)

    def image(self, tokenizer: ImageTokenizer, flux: np.ndarray, bands: Sequence[str]) -> Callable[[], object]:
        """What makes the codes of images."""
        config, tensors = tokenizer.config, IMAGE.released(tokenizer.state_dict(), tokenizer.config)
        slots = [config.bands.index(b) for b in bands]
        images = torch.from_numpy(flux)
        return lambda: [self.codecs.image_codes(tensors, config.levels, one, slots) for one in images]

    def spectrum(self, tokenizer: SpectrumTokenizer, flux: np.ndarray, grid: np.ndarray) -> Callable[[], object]:
        """What makes the codes of spectra."""
        tensors = SPECTRUM.released(tokenizer.state_dict(), tokenizer.config)
        return lambda: [self.codecs.spectrum_codes(tensors, one, np.ones(len(one)), grid) for one in flux]
