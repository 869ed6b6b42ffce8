"""Quality: how well held-out records come back from their codes, as numbers and as a picture."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from foundation.data.records import Record
from foundation.files import whole_file
from foundation.tokenizers.autoencoder import single_precision
from foundation.tokenizers.learned import CHUNK, LearnedTokenizer, Prepared, chi2_per_pixel
from foundation.tokenizers.pictures import draw
from foundation.tokenizers.quantizer import CodeUse


@dataclass(frozen=True)
class Quality:
    """How well held-out records come back from their codes.

    Args:
        chi2: per usable pixel, with the error floor of the tokenizer.
        chi2_of_mean: the same of predicting the training set's mean everywhere, the least a tokenizer must beat.
        utilisation: fraction of the codes that occur.
        perplexity: exp of the entropy of the codes.
        records: held-out records measured.
        seconds: of the training, without preparing the records.
    """

    chi2: float
    chi2_of_mean: float
    utilisation: float
    perplexity: float
    records: int
    seconds: float


@torch.no_grad()
def report(
    codec: LearnedTokenizer, window: Prepared, held_out: Sequence[Record], seconds: float, directory: Path
) -> Quality:
    """Measure a codec; write quality.json and reconstruction.png.

    Args:
        codec: in evaluation mode.
        window: prepared training records, whose mean is the baseline.
        held_out: records to measure on.
        seconds: that the training took.
        directory: of the files.
    """
    chunks = [held_out[i : i + CHUNK] for i in range(0, len(held_out), CHUNK)]
    parts = [codec.reconstruct(codec.prepare(chunk)) for chunk in chunks]
    value, target, weight, indices = (
        torch.cat([getattr(p, name) for p in parts]) for name in ("value", "target", "weight", "indices")
    )
    use = CodeUse.of(torch.bincount(indices.flatten(), minlength=codec.space.size))
    chi2 = float(chi2_per_pixel(value, target, weight))
    of_mean = float(chi2_per_pixel(_mean(codec, window).expand_as(target), target, weight))
    quality = Quality(chi2, of_mean, use.utilisation, use.perplexity, len(target), round(seconds, 1))
    measures = codec.measures(held_out)
    with whole_file(directory / "quality.json") as path:
        path.write_text(json.dumps(asdict(quality) | measures, indent=2) + "\n")
    text = f"{codec.kind}: chi2 per pixel {chi2:.2f}, of predicting the mean {of_mean:.2f}"
    draw(parts[0], text, directory / "reconstruction.png", getattr(codec.config, "wavelength", None))
    said = "".join(f"; {name} {number:.3g}" for name, number in measures.items())
    print(f"{text}; perplexity {use.perplexity:.0f} of {codec.space.size} codes{said}", file=sys.stderr)
    return quality


def _mean(codec: LearnedTokenizer, window: Prepared) -> Tensor:
    """Weighted mean over the records of a window, pixel by pixel."""
    total, weight = torch.zeros(()), torch.zeros(())
    for start in range(0, len(next(iter(window.values()))), CHUNK):
        target, sharpness = codec.measured(single_precision({k: v[start : start + CHUNK] for k, v in window.items()}))
        total = total + (sharpness.square() * target).sum(0)
        weight = weight + sharpness.square().sum(0)
    return total / weight.clamp(min=1e-12)
