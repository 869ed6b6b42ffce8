"""A small model of summed tracks with two text modalities, samples of it, and the slow reading of MIMIC."""

import importlib.util
from pathlib import Path

import pytest
import torch

from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.transformer import TrackTransformer
from foundation.tokens import Axis, Space, Tokens, concatenate

PLACES = (Axis("place", "", 0, 1e6, 1),)
TRACK = {"aa_seq": 0, "dssp": 0, "rna_seq": 1, "cds": 1, "context": 2, "caption": 3}
SIZES = {"aa_seq": 27, "dssp": 12, "rna_seq": 7, "cds": 5, "context": 40, "caption": 40}
SPACES = {name: Space(name, "discrete", size, PLACES) for name, size in SIZES.items()}
CONFIG = TrackConfig(
    width=64,
    depth=2,
    decoder_depth=2,
    heads=8,
    hidden=48,
    registers=3,
    rotated=6,
    text=("context", "caption"),
    text_width=16,
)


@pytest.fixture(scope="session")
def slow():
    spec = importlib.util.spec_from_file_location("slow_mimic", Path(__file__).with_name("slow_mimic.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model():
    """With norms and vectors away from where they start."""
    torch.manual_seed(0)
    model = TrackTransformer(CONFIG, list(SPACES.values())).double().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.add_(torch.randn_like(p) * (0.3 if "norm" in name else 0.05))
    return model


class Draw:
    """Samples of the small model's spaces."""

    spaces, track, config = SPACES, TRACK, CONFIG

    def __init__(self, generator):
        self.generator = generator

    def sample(self, lengths):
        """Tokens of modalities of these lengths, places from 0."""
        return concatenate([self.tokens(name, n) for name, n in lengths.items()])

    def tokens(self, name, n):
        ids = torch.randint(SIZES[name], (n,), generator=self.generator)
        return Tokens.of_space(SPACES[name], ids, torch.arange(n)[:, None].double(), TRACK[name])

    def reveal(self, tokens, asked, given=0.6):
        """Of the modality `asked` about half is asked and the rest given; of the others this share is given."""
        draw = torch.rand(len(tokens), generator=self.generator)
        reveal = torch.where(draw < given, 0, -1)
        of = tokens.of(asked)
        reveal[of] = 1 if asked in CONFIG.text else torch.where(draw[of] < 0.5, 1, 0)
        return reveal


@pytest.fixture
def draw(generator):
    return Draw(generator)
