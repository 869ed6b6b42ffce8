"""unseen: what a model makes of pixels whose noise it has not seen, spectrum by spectrum."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from foundation.data.records import Spectrum
from foundation.model.spectra.batch import SpectralBatch
from foundation.model.spectra.loss import misfits
from foundation.model.spectra.pretrained import SpectralModel
from foundation.tokenizers.native import patches_of
from foundation.training.spectra.objective import Denoise, FillSpans, SpectralObjective

ASKED: Mapping[str, SpectralObjective] = {"hidden spans": FillSpans(seen=0), "fresh noise": Denoise()}


@torch.no_grad()
def unseen_chi2(model: SpectralModel, spectra: Sequence[Spectrum], objective: SpectralObjective) -> np.ndarray:
    """Chi-squared per asked pixel [n], with the error floor of training; each spectrum is asked the same of any model.

    Args:
        model: what answers.
        spectra: each with something to read.
        objective: says what is read and what is asked, such as one of `ASKED`.
    """
    found = []
    for number, spectrum in enumerate(spectra):
        question = objective(patches_of(spectrum, model.cut), torch.Generator().manual_seed(number))
        read, asked = (SpectralBatch.packed([part]) for part in (question.read, question.asked))
        found.append(misfits(model(read, asked), asked, question.weight).whole.mean.item())
    return np.array(found)
