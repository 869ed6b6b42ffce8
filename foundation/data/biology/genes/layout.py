"""Layout: what each base of a transcript's span is, from its exons and coding parts (tracks of LORE, arXiv:2604.24506).

The acceptor of an exon is marked at the last base before it, the donor at the first base after it. Where the span ends
with the exon there is no such base, and nothing is marked.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int8

from foundation.data.biology.genes.transcript import Interval, Transcript
from foundation.data.biology.track import Track
from foundation.data.records import Sample
from foundation.errors import FoundationError

LETTERS, PROTEIN, MARKS, CODING = "rna_seq", "aa_seq", "splice_jctns_5cls", "cds"  # modalities of a row
YES_NO = ("no", "yes")
JUNCTIONS = ("none", "acceptor", "donor")
ENDS = (*JUNCTIONS, "start", "end")  # of transcription: the first acceptor and the last donor of a transcript
NONE, ACCEPTOR, DONOR, START, END = range(5)
KINDS = ("lncRNA", "miscRNA", "other", "protein_coding", "pseudogene", "rRNA", "tRNA")
KIND_OF = {  # words of RefSeq, Ensembl and GENCODE for the same
    "lnc_RNA": "lncRNA", "lincRNA": "lncRNA", "antisense": "lncRNA", "antisense_RNA": "lncRNA", "ncRNA": "miscRNA",
    "sense_intronic": "lncRNA", "sense_overlapping": "lncRNA", "misc_RNA": "miscRNA", "mRNA": "protein_coding",
    "pseudogenic_transcript": "pseudogene", "Mt_tRNA": "tRNA", "Mt_rRNA": "rRNA",
}  # fmt: skip


class Span(NamedTuple):
    """Places start to end - 1 of the forward strand, and the strand on which they are read."""

    start: int
    end: int
    strand: int

    def local(self, parts: Sequence[Interval]) -> list[Interval]:
        """The same parts counted from where reading begins, in reading order."""
        if self.strand > 0:
            return [(start - self.start, end - self.start) for start, end in parts]
        return [(self.end - end, self.end - start) for start, end in reversed(parts)]


def tracks_of(transcript: Transcript, span: Span) -> dict[str, Track]:
    """All tracks that follow from the annotation, in reading order; by the names of LORE."""
    n = span.end - span.start
    exons, coding = span.local(transcript.exons), span.local(transcript.coding)
    exonic, codes = _inside(exons, n), _inside(coding, n)
    kind = kind_of(transcript.biotype)
    return {
        MARKS: Track(_junctions(exons, n, ends=True), ENDS),
        "splice_junctions": Track(_junctions(exons, n), JUNCTIONS),
        "cds_junctions": Track(_junctions(coding, n), JUNCTIONS),
        "splice_regions": Track(exonic, YES_NO),
        CODING: Track(codes, YES_NO),
        "utr": Track(exonic & ~codes & bool(coding), YES_NO),
        "is_coding": Track(np.array([kind != "pseudogene" and bool(coding)]), YES_NO),
        "feature_type": Track(np.array([KINDS.index(kind)]), KINDS),
    }


def is_coding(row: Sample) -> Bool[np.ndarray, "n"]:
    """Which letters of a row are coding.

    Raises:
        FoundationError: the row does not say.
    """
    track = row.get(CODING)
    if not isinstance(track, Track):
        raise FoundationError(f"{row.key}: no track {CODING} says what is coding. Give rows of `genes ingest`.")
    return track.values == 1


def gene_of(row: Sample) -> str:
    """The gene that a row is of; the row's own key where the annotation names none."""
    return str(row.labels.get("gene", row.key))


def kind_of(biotype: str) -> str:
    """The one of KINDS that a file's word for a transcript means; "other" if it is none of them."""
    if biotype in KINDS:
        return biotype
    return "pseudogene" if biotype.endswith("pseudogene") else KIND_OF.get(biotype, "other")


def _inside(parts: Sequence[Interval], length: int) -> Bool[np.ndarray, "{length}"]:
    inside = np.zeros(length, bool)
    for start, end in parts:
        inside[start:end] = True
    return inside


def _junctions(parts: Sequence[Interval], length: int, ends: bool = False) -> Int8[np.ndarray, "{length}"]:
    marks = np.zeros(length, np.int8)
    last = len(parts) - 1
    for i, (start, end) in enumerate(parts):
        if start > 0:
            marks[start - 1] = START if ends and i == 0 else ACCEPTOR
        if end < length:
            marks[end] = END if ends and i == last else DONOR
    return marks
