"""Described: one vector for each transcript: of a frozen model, and of its letters alone."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from jaxtyping import Float32

from foundation.batch import pack
from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.genes.layout import LETTERS, PROTEIN
from foundation.data.biology.sequence import Sequence as Letters
from foundation.data.records import Sample
from foundation.evaluation.genes.matrices import LETTERS as ALPHABET
from foundation.model.encoding import by_budget
from foundation.model.tracks.rows import GivenRows
from foundation.model.tracks.transformer import TrackTransformer
from foundation.tokens import Tokens

ELEMENTS = 16384  # of one forward pass
WORDS = {LETTERS: (ALPHABET, 4), PROTEIN: (AMINO_ACIDS, 2)}  # modality -> its letters, and how many a word has


def of_model(model: TrackTransformer, tokens: Sequence[Tokens]) -> Float32[np.ndarray, "n width"]:
    """Registers one after the other, then the mean of all other rows, of the last states (arXiv:2604.24506)."""
    registers, width = model.config.registers, model.config.width
    found = np.zeros((len(tokens), (registers + 1) * width), np.float32)
    device = next(model.parameters()).device
    for members in by_budget(torch.tensor([len(t) for t in tokens]), ELEMENTS):
        given = [(tokens[i], torch.zeros(len(tokens[i]), dtype=torch.long)) for i in members.tolist()]
        batch = pack(given, model.spaces).to(device)
        rows = GivenRows.of(batch, registers)
        with torch.inference_mode():
            states = model.rows(batch, rows).float()
        documents = states.split(torch.diff(rows.offsets).tolist())
        for i, part in zip(members.tolist(), documents, strict=True):
            found[i] = torch.cat([part[:registers].flatten(), part[registers:].mean(0)]).cpu().numpy()
    return found


def of_words(rows: Sequence[Sample]) -> Float32[np.ndarray, "n words"]:
    """How frequent each word of four letters is, and, where all rows have proteins, each pair of residues."""
    used = [name for name in WORDS if all(name in s for s in rows)]
    return np.concatenate(
        [_frequencies([cast(Letters, s[name]).letters for s in rows], *WORDS[name]) for name in used], 1
    )


def _frequencies(texts: Sequence[str], alphabet: str, length: int) -> Float32[np.ndarray, "n words"]:
    table = np.full(128, len(alphabet))
    table[list(alphabet.encode())] = np.arange(len(alphabet))
    counts = np.zeros((len(texts), len(alphabet) ** length), np.float32)
    for row, text in zip(counts, texts, strict=True):
        codes = table[np.frombuffer(text.encode(), np.uint8)]
        if len(codes) >= length:
            windows = np.lib.stride_tricks.sliding_window_view(codes, length)
            known = windows[(windows < len(alphabet)).all(1)] @ len(alphabet) ** np.arange(length)
            row += np.bincount(known, minlength=len(row)) / max(len(known), 1)
    return counts
