"""Token shards small enough to train on in a test, with a rule to learn: every code tells all the others."""

import pytest
import torch

from foundation.data.shards import TokenSample, write_tokens
from foundation.tokens import Axis, Space, Tokens, concatenate

SIZE = 12
SPACES = (
    Space("image", "discrete", SIZE, (Axis("x", "arcsec", 0.0, 7.0, 1.0),)),
    Space("redshift", "discrete", SIZE),
    Space("spectrum", "continuous", 3, (Axis("wavelength", "Angstrom", 0.0, 4.0, 1.0),)),
)


def tiny_sample(index):
    """Eight image tokens, four spectrum tokens and a redshift, all functions of one code; every third lacks an image."""
    generator = torch.Generator().manual_seed(index)
    code = torch.randint(SIZE, (1,), generator=generator)
    image = torch.arange(8.0, dtype=torch.float64)[:, None]
    wavelength = torch.arange(4.0, dtype=torch.float64)[:, None]
    noise = torch.randn(4, 3, generator=generator)
    parts = [
        Tokens.of_space(SPACES[1], code),
        Tokens.of_space(SPACES[2], code + 0.1 * noise, wavelength),
    ]
    if index % 3:
        parts.append(Tokens.of_space(SPACES[0], (code + torch.arange(8)) % SIZE, image))
    return TokenSample(f"object-{index}", concatenate(parts), {"class": "GALAXY"})


@pytest.fixture(scope="session")
def token_shards(tmp_path_factory):
    out = tmp_path_factory.mktemp("tokens")
    for name, first, count in (("train", 0, 240), ("validation", 1000, 40)):
        samples = (tiny_sample(i) for i in range(first, first + count))
        write_tokens(samples, out / name, SPACES, "0123456789ab", total=count, samples_per_member=8)
    return out
