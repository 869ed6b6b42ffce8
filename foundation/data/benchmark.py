"""Benchmark of shards: members of many samples against the usual one sample per tar member, both by webdataset."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from foundation.bench import Row, side_by_side
from foundation.data.shards import TokenSample, TokenShards, write_tokens
from foundation.tokens import Axis, Space, Tokens, concatenate

IMAGE = Space("image", "discrete", 4375, (Axis("x", "arcsec", -8.0, 8.0, 1.0), Axis("y", "arcsec", -8.0, 8.0, 1.0)))
SPECTRUM = Space("spectrum", "discrete", 1024, (Axis("wavelength", "Angstrom", 3500.0, 10000.0, 1.0),))
SAMPLES = 1024


def chunked_vs_single() -> list[Row]:
    """Samples decoded to tokens per second, and bytes on disk per sample."""
    samples = list(tokenised(SAMPLES))
    with tempfile.TemporaryDirectory() as folder:
        single, chunked = Path(folder, "single.tar"), Path(folder, "chunked")
        write_single(samples, single)
        write_tokens(samples, chunked, (IMAGE, SPECTRUM), "")
        shards = TokenShards(chunked)
        reading = side_by_side(
            "read tokens: members of 256 samples, over one sample a member",
            lambda: sum(1 for _ in read_single(single)),
            lambda: sum(1 for _ in shards),
            SAMPLES,
            "samples/s",
        )
        sizes = [single.stat().st_size / SAMPLES, sum(s.bytes for s in shards.manifest.shards) / SAMPLES]
    return [reading, Row("size of the same", sizes[0], sizes[1], sizes[1] / sizes[0], "bytes/sample")]


def tokenised(count: int) -> Iterator[TokenSample]:
    """Samples with the token counts of an image and a spectrum of AION-1."""
    rng = np.random.default_rng(0)
    pixels = torch.linspace(-8, 8, 12, dtype=torch.float64)
    grid, wavelength = torch.cartesian_prod(pixels, pixels), torch.linspace(3500, 10000, 273, dtype=torch.float64)
    for i in range(count):
        image = Tokens.of_space(IMAGE, torch.from_numpy(rng.integers(0, IMAGE.size, len(grid))), grid)
        codes = torch.from_numpy(rng.integers(0, SPECTRUM.size, len(wavelength)))
        spectrum = Tokens.of_space(SPECTRUM, codes, wavelength[:, None])
        yield TokenSample(f"s{i:06d}", concatenate([image, spectrum]), {"z": float(rng.random())})


def write_single(samples: list[TokenSample], path: Path) -> None:
    """The usual way: each sample's arrays are files of their own in the tar."""
    from webdataset.writer import TarWriter

    with TarWriter(str(path)) as tar:
        for s in samples:
            columns = {f"{c}.npy": getattr(s.tokens, c).numpy() for c in ("ids", "space", "position", "track")}
            tar.write({"__key__": s.key, **columns, "labels.json": dict(s.labels)})


def read_single(path: Path) -> Iterator[TokenSample]:
    """Samples of `write_single`, decoded by webdataset."""
    from webdataset.compat import WebDataset

    for item in WebDataset(str(path), shardshuffle=False).decode():  # pyright: ignore[reportGeneralTypeIssues]
        columns = (torch.from_numpy(item[f"{c}.npy"]) for c in ("ids", "space", "position", "track"))
        ids, space, position, track = columns
        tokens = Tokens((IMAGE, SPECTRUM), ids, space, position, track)
        yield TokenSample(item["__key__"], tokens, item["labels.json"])
