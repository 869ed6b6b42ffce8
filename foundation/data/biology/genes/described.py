"""Transcripts of sequences that come with features, such as GenBank entries."""

from collections.abc import Iterator
from collections.abc import Sequence as Several
from pathlib import Path

from foundation.data.biology.feature import Feature, Part
from foundation.data.biology.genes.account import Account
from foundation.data.biology.genes.transcript import Interval, Transcript
from foundation.data.biology.sequence import Sequence
from foundation.errors import RecordError

TRANSCRIBED = ("mRNA", "ncRNA", "tRNA", "rRNA", "tmRNA", "misc_RNA", "precursor_RNA")


def transcripts_of(sequence: Sequence, path: Path, account: Account) -> Iterator[Transcript]:
    """One for each RNA, with the coding sequence that fits its exons, and one for each coding sequence left over.

    Args:
        path: where the sequence comes from.
        account: notes features that make no transcript.
    """
    features = list(enumerate(map(Feature.restore, sequence.features), 1))
    free = {number: f for number, f in features if f.kind == "CDS"}
    pairs: list[tuple[int, Feature, Feature | None]] = []
    for number, feature in features:
        if feature.kind in TRANSCRIBED:
            fitting = next((n for n, codes in free.items() if _fits(codes, feature)), None)
            pairs.append((number, feature, free.pop(fitting) if fitting else None))
    for number, feature, codes in sorted([*pairs, *((n, f, f) for n, f in free.items())]):
        try:
            yield _transcript(sequence.name, number, feature, codes)
        except RecordError as error:
            account.note(path, 0, f"{sequence.name}: {error}", lost=True)


def _fits(codes: Feature, feature: Feature) -> bool:
    """Whether it is the coding sequence of an mRNA: of its gene, with the same introns."""
    if feature.kind != "mRNA" or codes.name != feature.name:
        return False
    parts = _intervals(codes.parts)
    low, high = parts[0][0], parts[-1][1]
    return parts == [(max(a, low), min(b, high)) for a, b in _intervals(feature.parts) if a < high and b > low]


def _transcript(chromosome: str, number: int, feature: Feature, codes: Feature | None) -> Transcript:
    name = f"{chromosome}-{feature.name or feature.kind}-{number}"
    strands = {part.strand for part in (*feature.parts, *(codes.parts if codes else ()))}
    if len(strands) > 1:
        raise RecordError(f"transcript {name!r} lies on both strands. Give it one")
    kind = "protein_coding" if feature.kind in ("CDS", "mRNA") else feature.kind
    gene = feature.name or name
    strand, exons = strands.pop(), tuple(_intervals(feature.parts))
    if codes is None:
        return Transcript(name, chromosome, strand, exons, gene=gene, biotype=kind)
    return Transcript(
        name, chromosome, strand, exons, tuple(_intervals(codes.parts)), codes.codon_start - 1, gene, kind,
        table=codes.table, partial=codes.partial, translation=codes.translation,
    )  # fmt: skip


def _intervals(parts: Several[Part]) -> list[Interval]:
    return sorted((part.start, part.end) for part in parts)
