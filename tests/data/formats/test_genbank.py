"""GenBank entries become sequences with features, held to biopython's own reading."""

import pytest
from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqFeature import SeqFeature, SimpleLocation
from Bio.SeqRecord import SeqRecord

from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError


def test_coding_sequences_translate_to_what_the_database_gives(bio_data):
    compared = 0
    for path in (bio_data / "sequence").glob("*.gb"):
        with path.open() as file:
            entries = list(SeqIO.parse(file, "genbank"))
        for sample, entry in zip(read_file(path), entries, strict=True):
            sequence = sample["dna"]
            assert sequence.letters == str(entry.seq)
            for feature in (f for f in sequence.features if f.kind == "CDS" and f.translation):
                letters = sequence.extract(feature)[feature.codon_start - 1 :]
                protein = str(Seq(letters[: len(letters) // 3 * 3]).translate(feature.table, to_stop=True))
                assert protein[1:] == feature.translation[1:]  # the first codon may stand for M where it is no ATG
                compared += 1
    assert compared > 10


def test_features_of_real_entries_lie_where_biopython_finds_them(bio_data):
    path = bio_data / "sequence" / "NC_005816.gb"
    sequence = next(iter(read_file(path)))["dna"]
    entry = SeqIO.read(path, "genbank")
    theirs = [f for f in entry.features if f.type != "source"]
    assert [f.kind for f in sequence.features] == [f.type for f in theirs]
    for ours, other in zip(sequence.features, theirs, strict=True):
        assert sequence.extract(ours) == str(other.extract(entry.seq))


def test_the_avidin_gene_has_its_exons(bio_data):
    sequence = next(iter(read_file(bio_data / "sequence" / "gg_avidin.gb")))["dna"]
    coding = next(f for f in sequence.features if f.kind == "CDS")
    assert [(p.start + 1, p.end) for p in coding.parts] == [(98, 178), (263, 473), (899, 1019), (1107, 1152)]
    assert coding.translation.startswith("MVHATSPLLL")


@pytest.fixture
def write(tmp_path):
    def write(molecule, letters="ACGTACGTACGT", location=None):
        entry = SeqRecord(Seq(letters), "X1", description="made up", annotations={"molecule_type": molecule})
        entry.features = [SeqFeature(location or SimpleLocation(0, 9, -1), type="CDS", qualifiers={"codon_start": [2]})]
        SeqIO.write(entry, tmp_path / "x.gb", "genbank")
        return tmp_path / "x.gb"

    return write


def test_a_feature_keeps_its_strand_and_frame(write):
    feature = next(iter(read_file(write("DNA"))))["dna"].features[0]
    assert (feature.kind, feature.parts, feature.codon_start, feature.table) == ("CDS", ((0, 9, -1),), 2, 1)


def test_proteins_and_rna_are_told_apart(write):
    assert list(next(iter(read_file(write("protein", "MKVLAMKVLA"))))) == ["protein"]
    assert list(next(iter(read_file(write("RNA", "ACGUACGUACGU"))))) == ["rna"]


def test_a_file_that_is_cut_short_is_refused(write):
    path = write("DNA")
    path.write_text(path.read_text()[:-15])
    with pytest.raises(FormatError, match=r"x\.gb"):
        list(read_file(path))
