"""Simulated transcripts on both strands as rows, and the export of a small model of them that has learned nothing."""

from itertools import count

import numpy as np
import pytest
import torch
import yaml

from foundation.data.biology.genes.layout import MARKS, Span, tracks_of
from foundation.data.biology.genes.transcript import Transcript
from foundation.data.biology.sequence import Sequence
from foundation.data.biology.track import Track
from foundation.data.records import Sample
from foundation.data.shards import RecordShards, write_records
from foundation.data.simulate.genes.gene import COMPLEMENT, Species
from foundation.masking import Pathway, SplitTrack
from foundation.masking.context import Context
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.pretrained import TrackModel
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.tracks import survey, tokenizers_of
from foundation.training import resolved

FLANK = 60
POLICY = SplitTrack(
    (
        Pathway(asked=(MARKS,), given=("rna_seq",), known={MARKS: (3, 4)}),
        Pathway(asked=("rna_seq",), given=("rna_seq",), optional=(MARKS,)),
        Pathway(asked=("rasp2",), given=("rna_seq",)),
    ),
    context=Context(300),
)


def row_of(gene, number):
    """The first transcript with flanks, every second on the other strand of its chromosome."""
    rng, strand = np.random.default_rng(number), 1 - 2 * (number % 2)
    before, after = ("".join(rng.choice(list("ACGT"), FLANK)) for _ in range(2))
    letters, n = before + gene.letters + after, len(gene.letters)
    exons = [(a + FLANK, b + FLANK) if strand > 0 else (n + FLANK - b, n + FLANK - a) for a, b in gene.exons]
    span = Span(0, len(letters), strand)
    records = tracks_of(Transcript(f"{gene.name}.1", "c", strand, tuple(exons)), span)
    kept = {
        "rna_seq": Sequence(letters.replace("T", "U"), "rna"),
        MARKS: records[MARKS],
        "rasp2": Track(rng.gamma(2, 0.5, len(letters)).astype(np.float32)),
    }
    origin = {"chromosome": f"c{number}", "start": 500, "end": 500 + len(letters), "strand": strand, "line": 1}
    return Sample(f"{gene.name}.1", kept, {"gene": gene.name}, origin)


def forward(letter, strand):
    return letter if strand > 0 else letter.translate(COMPLEMENT)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Genes with an exon that one letter makes, their rows, and the VCF file of these letters."""
    species = Species.draw(2, families=3)
    genes = (species.gene(i) for i in count())
    some = []
    while len(some) < 4:
        gene = next(genes)
        some += [gene] if any(v.new == "T" for v in gene.variants) else []
    rows, out = [row_of(g, i) for i, g in enumerate(some)], tmp_path_factory.mktemp("made")
    lines = ["##fileformat=VCFv4.2"]
    for i, (gene, row) in enumerate(zip(some, rows, strict=True)):
        for v in gene.variants:
            strand, n = row.origin["strand"], row.origin["end"] - row.origin["start"]
            place = v.place + FLANK if strand > 0 else n - 1 - v.place - FLANK
            cells = (f"c{i}", 500 + place + 1, f"{gene.name}{v.new}", forward(v.old, strand), forward(v.new, strand))
            lines.append("\t".join(map(str, cells)))
    (out / "variants.vcf").write_text("\n".join(lines) + "\n")
    write_records(rows, out / "rows")
    return out, some, rows


@pytest.fixture(scope="session")
def exported(made, tmp_path_factory):
    tokenizers = TokenizerBundle(tokenizers_of(survey(RecordShards(made[0] / "rows")), 8, {}))
    torch.manual_seed(0)
    config = TrackConfig(width=32, depth=1, decoder_depth=2, heads=4, hidden=32, registers=2, rotated=8)
    out = tmp_path_factory.mktemp("model") / "export"
    model = TrackModel(config, tokenizers.spaces, tokenizers)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.4)
    model.save_pretrained(out)
    (out / "training.yaml").write_text(yaml.safe_dump({"policy": resolved.by_class(POLICY)}))
    return out
