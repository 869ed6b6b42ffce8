"""Entries of UniProt text: residues, words without evidence, lineages; and rows of them and of FASTA by the command."""

import gzip

from foundation.__main__ import main
from foundation.data.formats import swissprot
from foundation.data.formats.source import open_source
from foundation.data.shards import RecordShards

ENTRY = """\
ID   MADE_HUMAN              Reviewed;          24 AA.
AC   P00001; Q00002;
DT   01-JAN-1990, integrated into UniProtKB/Swiss-Prot.
DT   01-JAN-1990, sequence version 1.
DT   01-JAN-2026, entry version 7.
DE   RecName: Full=Made-up kinase;
GN   Name=MADE;
OS   Homo sapiens (Human).
OC   Eukaryota; Metazoa; Chordata; Mammalia; Primates; Hominidae; Homo.
OX   NCBI_TaxID=9606;
RN   [1]
RP   NUCLEOTIDE SEQUENCE.
RA   Nobody N.;
RL   Unpublished.
CC   -!- FUNCTION: Adds phosphate to water (PubMed:123, PubMed:4567). Also to
CC       tea. {ECO:0000269|PubMed:123, ECO:0000305}.
CC   -!- SUBUNIT: Alone.
CC   -!- SIMILARITY: Belongs to the made-up family. {ECO:0000305}.
PE   1: Evidence at protein level;
SQ   SEQUENCE   24 AA;  2600 MW;  0123456789ABCDEF CRC64;
     MKTAYIAKQR QISFVKSHFS RQLE
//
"""
BARE = ENTRY.replace("P00001; Q00002;", "A00003;").split("RN   [1]")[0] + (
    "PE   4: Predicted;\nSQ   SEQUENCE   4 AA;  400 MW;  0123456789ABCDEF CRC64;\n     MKTA\n//\n"
)


def samples(path):
    with open_source(path) as source:
        assert swissprot.recognises(source)
        return list(swissprot.read(source))


def test_an_entry_is_its_residues_and_what_is_said_of_it(tmp_path):
    (tmp_path / "x.dat").write_text(ENTRY + BARE)
    one, bare = samples(tmp_path / "x.dat")
    assert (one.key, one["aa_seq"].letters) == ("P00001", "MKTAYIAKQRQISFVKSHFSRQLE")
    assert one["funcprot_caption"].words == ("Adds phosphate to water. Also to tea. Belongs to the made-up family.")
    lineage = "eukaryota metazoa chordata mammalia primates hominidae homo homo sapiens"
    assert one["gene_family_txt"].words == lineage == bare["gene_family_txt"].words
    assert set(bare) == {"aa_seq", "gene_family_txt"} and bare.key == "A00003"


def test_files_of_others_are_not_recognised_and_a_cut_one_is_told(tmp_path, capsys):
    (tmp_path / "embl").write_text("ID   X56734; SV 1; linear; mRNA; STD; PLN; 1859 BP.\nXX\n")
    with open_source(tmp_path / "embl") as source:
        assert not swissprot.recognises(source)
    (tmp_path / "cut.dat").write_text(ENTRY[:200])
    assert main(["genes", "proteins", str(tmp_path / "cut.dat"), f"--out={tmp_path / 'r'}"]) == 1
    assert "cut.dat" in capsys.readouterr().err


def test_rows_of_uniprot_text_and_fasta_by_the_command(tmp_path, capsys):
    (tmp_path / "x.dat.gz").write_bytes(gzip.compress((ENTRY + BARE).encode()))
    (tmp_path / "y.fa").write_text(">p1 first\nMKVLAAGIVGLCAK\n>p2\nACGTACGTACGT\n>short\nMK\n>bad\nMK1234567890\n")
    files = [str(tmp_path / name) for name in ("x.dat.gz", "y.fa")]
    assert main(["genes", "proteins", *files, f"--out={tmp_path / 'rows'}"]) == 0
    rows = {s.key: s for s in RecordShards(tmp_path / "rows")}
    assert set(rows) == {"P00001", "p1", "p2"} and all(s.labels["gene"] == key for key, s in rows.items())
    assert rows["p2"]["aa_seq"].letters == "ACGTACGTACGT" and rows["p2"]["aa_seq"].kind == "protein"
    assert "funcprot_caption" in rows["P00001"]
    said = capsys.readouterr().out
    assert said.count("1 proteins have fewer than 10 residues") == 2 and "1 of 4 sequences were left out" in said
