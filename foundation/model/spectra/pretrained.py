"""SpectralModel: a SpectralTransformer with the way its spectra are cut, as users load, run and share it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foundation.data.records import Spectrum
from foundation.errors import FoundationError
from foundation.interop.tensors import read_tensors
from foundation.model.card import card
from foundation.model.network_files import WEIGHTS, read_config, sizes, write_network
from foundation.model.spectra.batch import Grid, SpectralBatch
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.pool import in_bins, mean_state
from foundation.model.spectra.transformer import SpectralTransformer
from foundation.model.spectra.wavelength import middle
from foundation.model.stored import locate, stored_kind
from foundation.tokenizers.native import NativeConfig, patches_if_any, patches_of

KIND = "spectra"  # tells config.json from those of other models


class SpectralModel(SpectralTransformer):
    """A SpectralTransformer that takes records, and can be stored.

    Args:
        config: sizes and parts of the network.
        cut: how spectra become patches; of as many pixels as `config` says.

    Raises:
        FoundationError: patches of another width than the network's.
    """

    def __init__(self, config: SpectraConfig | None = None, cut: NativeConfig | None = None) -> None:
        super().__init__(config)
        self.cut = cut or NativeConfig(patch=self.config.patch)
        if self.cut.patch != self.config.patch:
            raise FoundationError(
                f"spectra are cut in patches of {self.cut.patch} pixels, the network reads {self.config.patch}. "
                "Give both the same."
            )

    @torch.no_grad()
    def embed(
        self, spectra: Sequence[Spectrum], together: int = 1, edges: Float[Tensor, "E"] | None = None
    ) -> Float[Tensor, "N bins_width"]:
        """The mean state of each spectrum, or of each bin of wavelength of it, float32; NaN where there is no patch.

        Args:
            spectra: of any surveys.
            together: spectra of a pass. With 1 an embedding depends on no other spectrum, bit for bit; more are
                faster on a GPU, and agree up to rounding.
            edges: of B bins, ln of vacuum Å, ascending; None = one mean of all, and B is 1.
        """
        found = [patches_if_any(spectrum, self.cut) for spectrum in spectra]
        bins = 1 if edges is None else len(edges) - 1
        means = torch.full((len(found), bins * self.config.width), float("nan"))
        some = [i for i, patches in enumerate(found) if patches is not None]
        for start in range(0, len(some), together):
            chunk = some[start : start + together]
            batch = SpectralBatch.packed([p for i in chunk if (p := found[i]) is not None]).to(self.head.weight.device)
            means[chunk] = self._pooled(batch, edges).cpu()
        return means

    def _pooled(self, batch: SpectralBatch, edges: Float[Tensor, "E"] | None) -> Float[Tensor, "N bins_width"]:
        states = self.encode(batch)
        if edges is None:
            return mean_state(states, batch)
        return in_bins(states.float(), batch.offsets.diff(), middle(batch.wavelength), edges.to(states.device))

    @torch.no_grad()
    def predict(self, spectrum: Spectrum, wavelength: np.ndarray) -> np.ndarray:
        """Flux of the object at other wavelengths, float32, in the unit of the spectrum; noise is not predicted.

        Args:
            spectrum: what was measured.
            wavelength: increasing, in vacuum Å.

        Raises:
            TokenizerError: the spectrum has no patch that says anything.
            FoundationError: wavelengths that do not increase.
        """
        patches = patches_of(spectrum, self.cut)
        read = SpectralBatch.packed([patches]).to(self.head.weight.device)
        asked = Grid.of([np.asarray(wavelength, dtype=np.float64)], self.config.patch).to(self.head.weight.device)
        value = self(read, asked).float().cpu().numpy().ravel()[: len(wavelength)]
        return value * np.float32(patches.scale)

    def save_pretrained(self, directory: str | Path) -> None:
        """Write config.json, model.safetensors and README.md.

        Raises:
            FoundationError: the directory exists and holds no such model, or the disk is full.
        """
        parts = {"model": asdict(self.config), "cut": asdict(self.cut)}
        readme = card("A model of spectra on their own grids", KIND, self, asdict(self.config))
        write_network(Path(directory), KIND, "model of spectra", parts, self.state_dict(), readme)

    @classmethod
    def from_pretrained(cls, name: str | Path, device: str = "cpu") -> "SpectralModel":
        """The model in a directory that `save_pretrained` wrote, or on the hub; for evaluation.

        Raises:
            FoundationError: nothing there, a file that is damaged or of another version, tensors missing or left over.
        """
        path = locate(name)
        if stored_kind(path) != KIND:
            raise FoundationError(
                f"{path} holds no model of spectra but {stored_kind(path) or 'another'} one. "
                "Give what `foundation spectra train` wrote."
            )
        with torch.device("meta"):
            model = cls(*read_config(path, _configs))
        try:
            model.load_state_dict(read_tensors(path / WEIGHTS), assign=True)
        except RuntimeError as error:
            what = " ".join(str(error).split())[:300]
            raise FoundationError(f"{path} does not fit its config.json ({what}). Export the model again.") from error
        return model.to(device).eval()


def _configs(stored: dict[str, Any]) -> tuple[SpectraConfig, NativeConfig]:
    return SpectraConfig(**sizes(stored["model"])), NativeConfig(**stored["cut"])
