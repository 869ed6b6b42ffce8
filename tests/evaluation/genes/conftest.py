"""Rows with planted splice sites, and the export of a small model of their tracks that has learned nothing."""

import numpy as np
import pytest
import torch
import yaml

from foundation.data.biology.track import Track
from foundation.data.records import Sample, Sequence
from foundation.data.shards import RecordShards, write_records
from foundation.masking import Pathway, SplitTrack
from foundation.masking.context import Context
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.pretrained import TrackModel
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.tracks import survey, tokenizers_of
from foundation.training import resolved

J = "splice_jctns_5cls"
POLICY = SplitTrack(
    (
        Pathway(asked=(J,), given=("rna_seq",), optional=("phylop",), known={J: (3, 4)}),
        Pathway(asked=("rna_seq",), given=("rna_seq",), optional=(J,)),
        Pathway(asked=("phylop",), given=("rna_seq",)),
    ),
    context=Context(60),
)


def planted(i, seed=0):
    """A donor and an acceptor with the letters of both, decoys of neither, and a signal that follows the letters."""
    rng = np.random.default_rng([seed, i])
    text, marks = rng.choice(list("ACGU"), 150), np.zeros(150, int)
    text[40:49], marks[43] = list("CAGGUAAGU"), 2
    text[80:101], marks[100] = list("UUCUUUCUUUUCUUUCUUCAG"), 1
    marks[10], marks[140] = 3, 4
    signal = (text == "A") + rng.normal(0, 0.2, 150)
    signal[rng.random(150) < 0.1] = np.nan
    records = {
        "rna_seq": Sequence("".join(text), "rna"),
        J: Track(marks, ("none", "acceptor", "donor", "start", "end")),
        "phylop": Track(signal.astype(np.float32)),
    }
    return Sample(f"t{i}", records, {"gene": f"g{i // 2}"})


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """Directories "train" and "test"."""
    out = tmp_path_factory.mktemp("rows")
    write_records([planted(i) for i in range(24)], out / "train")
    write_records([planted(i, seed=1) for i in range(10)], out / "test")
    return out


@pytest.fixture(scope="session")
def exported(rows, tmp_path_factory):
    """Directory of a stored model with its tokenizers and the policy that it says it was trained with."""
    tokenizers = TokenizerBundle(tokenizers_of(survey(RecordShards(rows / "train")), 8, {}))
    torch.manual_seed(0)
    config = TrackConfig(width=32, depth=1, decoder_depth=2, heads=4, hidden=32, registers=2, rotated=8)
    out = tmp_path_factory.mktemp("model") / "export"
    TrackModel(config, tokenizers.spaces, tokenizers).save_pretrained(out)
    (out / "training.yaml").write_text(yaml.safe_dump({"policy": resolved.by_class(POLICY)}))
    return out
