"""FASTA and FASTQ become sequences; what is wrong with them is one sentence."""

import gzip

import pytest
from Bio import SeqIO

from foundation.__main__ import main
from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError
from foundation.data.shards import RecordShards


@pytest.fixture
def write(tmp_path):
    def write(content, name="x.fasta"):
        path = tmp_path / name
        data = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


def reading(path):
    """The samples of a file, and the remark at the end."""
    samples, reader = [], read_file(path)
    while True:
        try:
            samples.append(next(reader))
        except StopIteration as end:
            return samples, end.value


@pytest.mark.parametrize("name", ["x.fasta", "x.fa.gz"])
def test_entries_get_their_kind_from_their_letters(write, name):
    samples, remark = reading(write(">r one two\nACGU\nGGCC\n>d\nacgtN\n>p\nMKVLA*\n", name))
    assert [s.key for s in samples] == ["r", "d", "p"]
    assert [(k, v.letters) for s in samples for k, v in s.items()] == [
        ("rna", "ACGUGGCC"),
        ("dna", "ACGTN"),
        ("protein", "MKVLA*"),
    ]
    assert samples[0]["rna"].description == "one two"
    assert samples[1]["dna"].soft.tolist() == [True] * 4 + [False]
    assert remark == ""


def test_entries_that_are_no_sequences_are_passed_over_and_told(write):
    samples, remark = reading(write(">empty\n>gap\nAC--GT\n>good\nACGT\n"))
    assert [s.key for s in samples] == ["good"]
    assert remark.startswith("2 of 3 sequences were left out; the first: Sequence 'empty': is empty")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (">a\n\n", "Sequence 'a': is empty"),
        (">a\nACGé\n".encode(), "'é' at place 4 is no letter"),
        (b">a\nAC\xff\xfeGT\n", "holds bytes that are no text"),
    ],
)
def test_a_file_without_a_sequence_is_refused_with_its_name(write, content, says):
    path = write(content)
    with pytest.raises(FormatError, match=says) as error:
        list(read_file(path))
    assert str(error.value).startswith(f"{path}: ")


def test_a_packed_file_that_is_cut_short_is_refused(write):
    path = write(">a\n" + "ACGTTGCA" * 4000, "x.fasta.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FormatError, match="is damaged or cut short"):
        list(read_file(path))


def test_equal_names_are_numbered_by_ingest(write, tmp_path, capsys):
    path = write(">a\nACGT\n>a\nGGGT\n>a\nTTTT\n")
    assert main(["ingest", str(path), "--out", str(tmp_path / "shards")]) == 0
    assert "2 samples have the key of an earlier one" in capsys.readouterr().out
    samples = list(RecordShards(tmp_path / "shards"))
    assert [(s.key, s["dna"].letters) for s in samples] == [("a", "ACGT"), ("a~2", "GGGT"), ("a~3", "TTTT")]


READS = "@r1 lane\nACGTN\n+\nII!5~\n@r2\nGG\n+r2\n@@\n"


def test_reads_keep_their_quality(write):
    path = write(READS, "x.fastq")
    samples, _ = reading(path)
    with path.open() as file:
        records = list(SeqIO.parse(file, "fastq"))
    for sample, record in zip(samples, records, strict=True):
        assert sample["dna"].quality.tolist() == record.letter_annotations["phred_quality"]
        assert sample["dna"].letters == str(record.seq)


def test_reads_that_are_cut_short_are_refused(write):
    with pytest.raises(FormatError, match="is damaged or cut short"):
        list(read_file(write(READS[:-3], "x.fastq")))


def test_real_entries_are_read_as_biopython_reads_them(bio_data):
    path = bio_data / "sequence" / "NC_005816.fna"
    samples, _ = reading(path)
    assert samples[0]["dna"].letters == str(SeqIO.read(path, "fasta").seq)
