"""The `spectra tokenizers` verb: a trained model of spectra with codes becomes the tokenizers of modalities."""

from pathlib import Path

from foundation.model.spectra.pretrained import SpectralModel
from foundation.tokenizers.states import StatesTokenizer


def tokenizers(model: Path, *, out: Path, modalities: tuple[str, ...] = ("spectrum_sdss", "spectrum_desi")) -> None:
    """Write the codes of a model of spectra as tokenizers, for `foundation tokenize apply` and `foundation train`.

    The model must have been trained with codes, such as `--model.levels '[8, 8, 8, 5]'`. All modalities share it.

    Example:
        foundation spectra tokenizers runs/spectra/export --out tokenizers --modalities '[spectrum_sdss, spectrum_desi]'

    Args:
        model: directory of an exported model of spectra, or a hub name.
        out: directory of the tokenizers, one directory a modality.
        modalities: names of the spectra.

    Raises:
        FoundationError: no such model, or one without codes.
    """
    network = SpectralModel.from_pretrained(model)
    for name in modalities:
        StatesTokenizer.of(network, network.cut, name).save_pretrained(out / name)
        print(f"wrote {out / name}")
