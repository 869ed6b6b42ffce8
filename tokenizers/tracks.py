"""The `tokenize tracks` verb: tokenizers of aligned tracks, their alphabets known, their bins fitted to record shards.

Tables are those of MIMIC (arXiv:2604.24506), whose codes are these: symbols in a fixed order, then padding, masked and
unknown. Bins of its tracks of numbers are not in its checkpoint; they are fitted here.
"""

from collections.abc import Mapping
from collections.abc import Sequence as Several
from dataclasses import dataclass, field, replace
from pathlib import Path

from foundation.data.biology.genes.layout import ENDS, JUNCTIONS, KINDS, YES_NO
from foundation.data.biology.genes.signals import DECILES
from foundation.data.biology.genetic_code import CODONS
from foundation.data.biology.sequence import Sequence
from foundation.data.biology.track import Track
from foundation.data.records import Record
from foundation.data.shards import RecordShards
from foundation.data.text import Text
from foundation.errors import FoundationError
from foundation.progress import track
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.reservoir import Reservoir
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokenizers.text import TextConfig, TextTokenizer, learned_pieces
from foundation.tokenizers.track_bins import DigitiserConfig, DigitiserTokenizer
from foundation.tokenizers.track_symbols import SymbolsConfig, SymbolsTokenizer

TEXTS = 100_000  # of each modality, from which pieces of words are learned
PROTEIN, NUCLEIC = 0, 1  # tracks whose modalities are aligned, residue by residue and base by base
ALIGNED = {PROTEIN: "aa_seq", NUCLEIC: "rna_seq"}  # whose length tells what else is aligned
SINGLE = (  # in the order of the release, from track 2 on
    "kingdom", "is_coding", "funcprot_caption", "prot_abund", "feature_type", "context", "corpus", "gene_family_txt",
)  # fmt: skip
KINGDOMS = (
    "Bacillati", "Fungi", "Fusobacteriati", "Metazoa", "Methanobacteriati", "Nanobdellati", "Promethearchaeati",
    "Pseudomonadati", "Thermoproteati", "Thermotogati", "Viridiplantae",
)  # fmt: skip
SYMBOLS: dict[str, SymbolsConfig] = {
    "rna_seq": SymbolsConfig(tuple("ACGU"), "rna", NUCLEIC),
    "aa_seq": SymbolsConfig(tuple("ABCDEFGHIKLMNOPQRSTUVWYZ"), "protein", PROTEIN),
    "rna_codons": SymbolsConfig(CODONS, "rna", PROTEIN),
    "dssp": SymbolsConfig(tuple("BCEGHILST"), "track", PROTEIN),
    "splice_regions": SymbolsConfig(YES_NO, "track", NUCLEIC),
    "cds": SymbolsConfig(YES_NO, "track", NUCLEIC),
    "utr": SymbolsConfig(YES_NO, "track", NUCLEIC),
    "splice_junctions": SymbolsConfig(JUNCTIONS, "track", NUCLEIC),
    "cds_junctions": SymbolsConfig(JUNCTIONS, "track", NUCLEIC),
    "splice_jctns_5cls": SymbolsConfig(ENDS, "track", NUCLEIC),
    "atac": SymbolsConfig(DECILES, "track", NUCLEIC),
    "kingdom": SymbolsConfig(KINGDOMS, "track", 2),
    "is_coding": SymbolsConfig(YES_NO, "track", 3),
    "feature_type": SymbolsConfig(KINDS, "track", 6),
}


def tracks(
    data: Path, *, out: Path, bins: int = 64, own_bins: dict[str, int] | None = None, pieces: int = 8000, seed: int = 0
) -> None:
    """Make tokenizers of all sequences, tracks and texts in record shards; bins of numbers are fitted to them.

    Modalities that MIMIC knows get its alphabets and tracks. Of others, those as long as `rna_seq` or `aa_seq` are
    aligned with it, and each of the rest has a track of its own. Tracks with fewer different values than bins get as
    many bins. All texts share one vocabulary of pieces of words, learned from them.

    Example:
        foundation tokenize tracks data/genes --out tokenizers/genes

    Args:
        data: directory of record shards, as `foundation genes ingest` writes.
        out: directory of the tokenizers, one directory for each modality.
        bins: of tracks of numbers.
        own_bins: of some of them, by modality.
        pieces: of words, at most, in the vocabulary of texts.
        seed: of the choice of values that the bins are fitted to, where there are very many.

    Raises:
        FoundationError: no shards, or no sequence and no track in them.
    """
    seen = survey(RecordShards(data), seed)
    if not seen:
        raise FoundationError(f"{data}: has no sequence and no track. Make some with `foundation genes ingest`.")
    made = tokenizers_of(seen, bins, own_bins or {}, pieces)
    TokenizerBundle(made).save_pretrained(out)
    for name, tokenizer in made.items():
        print(f"{name}: {tokenizer.kind}, {tokenizer.space.size} codes, track {tokenizer.config.track}")


@dataclass(eq=False)
class Seen:
    """What all records of a modality are like.

    Args:
        first: the first of them.
        values: of numbers, a sample.
        aligned: tracks with which every record so far has been of one length.
        texts: the first so many.
    """

    first: Record
    values: Reservoir
    aligned: set[int] = field(default_factory=lambda: set(ALIGNED))
    categories: dict[str, None] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def add(self, record: Sequence | Track | Text, lengths: Mapping[int, int]) -> None:
        """Take in a record."""
        if isinstance(record, Text):
            self.aligned.clear()
            self.texts += [record.words] if len(self.texts) < TEXTS else []
            return
        self.aligned &= {number for number, n in lengths.items() if n == len(record)}
        if isinstance(record, Track) and record.categories:
            self.categories |= dict.fromkeys(record.categories)
        elif isinstance(record, Track):
            self.values.add(record.values)


def survey(shards: RecordShards, seed: int = 0, kept: int = DigitiserConfig.reservoir) -> dict[str, Seen]:
    """What the sequences, tracks and texts of a data set are like, by modality, read once."""
    seen: dict[str, Seen] = {}
    for sample in track(shards, "reading tracks", len(shards)):
        lengths = {n: len(sample[name]) for n, name in ALIGNED.items() if name in sample}  # type: ignore[arg-type]
        for name, record in sample.items():
            if isinstance(record, Sequence | Track | Text):
                seen.setdefault(name, Seen(record, Reservoir(kept, seed))).add(record, lengths)
    return seen


def tokenizers_of(
    seen: Mapping[str, Seen], bins: int, own: Mapping[str, int], pieces: int = 8000
) -> dict[str, StoredTokenizer]:
    """A fitted tokenizer for each modality."""
    groups = groups_of({name: s.aligned for name, s in seen.items()})
    texts = [text for _, s in sorted(seen.items()) for text in s.texts]
    vocabulary = learned_pieces(texts, pieces) if texts else ()
    made: dict[str, StoredTokenizer] = {}
    for name, s in sorted(seen.items()):
        if s.texts:
            made[name] = TextTokenizer(TextConfig(vocabulary, groups[name]), name)
        elif name in SYMBOLS:
            made[name] = SymbolsTokenizer(SYMBOLS[name], name)
        elif isinstance(s.first, Sequence):
            like = SYMBOLS["aa_seq" if s.first.kind == "protein" else "rna_seq"]
            made[name] = SymbolsTokenizer(replace(like, track=groups[name]), name)
        elif s.categories:
            made[name] = SymbolsTokenizer(SymbolsConfig(tuple(sorted(s.categories)), "track", groups[name]), name)
        else:
            made[name] = _fitted(name, s, groups[name], own.get(name, bins))
    return made


def groups_of(aligned: Mapping[str, Several[int] | set[int]]) -> dict[str, int]:
    """The number of each modality's track: protein, nucleic, the release's single ones, then any others by name."""
    single = {name: number for number, name in enumerate(SINGLE, len(ALIGNED))}
    known = single | {name: config.track for name, config in SYMBOLS.items()}
    found = {name: known[name] for name in aligned if name in known}
    found |= {name: min(numbers) for name, numbers in aligned.items() if name not in known and numbers}
    rest = sorted(set(aligned) - set(found))
    return found | {name: number for number, name in enumerate(rest, len(ALIGNED) + len(SINGLE))}


def _fitted(name: str, seen: Seen, group: int, bins: int) -> DigitiserTokenizer:
    sample = seen.values.values()
    distinct = len(set(sample.tolist()))
    if not distinct:
        raise FoundationError(f"{name}: all values are missing, so no bins can be fitted. Leave the track out.")
    unit = seen.first.unit if isinstance(seen.first, Track) else ""
    return DigitiserTokenizer(DigitiserConfig(min(bins, distinct), group, unit=unit), name).fit_sample(sample)
