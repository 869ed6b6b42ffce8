"""Bad input of every kind: one sentence with file and line, counted, and everything else is written."""

import csv
import re

import pytest

from foundation.__main__ import main
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError

LETTERS = "ACGTTGCAAGCT" * 100
GENE = "{c}\tx\texon\t{a}\t{b}\t.\t{s}\t.\tParent={n}\n"
CODES = "{c}\tx\tCDS\t{a}\t{b}\t.\t{s}\t0\tParent={n}\n"


def exon(name, a, b, strand="+", chromosome="chr1"):
    return GENE.format(c=chromosome, a=a, b=b, s=strand, n=name)


@pytest.fixture
def ingest(tmp_path, capsys):
    """Ingest lines of GFF3 with one good transcript beside them; (status, what was printed, rows, problems)."""

    def ingest(*lines, letters=LETTERS, more=(), head="##gff-version 3\n"):
        (tmp_path / "g.fa").write_text(f">chr1\n{letters}\n")
        (tmp_path / "a.gff3").write_text(head + exon("good", 501, 560) + "".join(lines))
        out = tmp_path / "rows"
        status = main(["genes", "ingest", str(tmp_path / "g.fa"), str(tmp_path / "a.gff3"), *more, "--out", str(out)])
        rows = {s.key: s for s in RecordShards(out)} if out.is_dir() else {}
        table = out / "problems.csv"
        problems = list(csv.DictReader(table.read_text().splitlines())) if table.is_file() else []
        return status, "".join(capsys.readouterr()), rows, problems

    return ingest


def bad_cases():
    codes = CODES.format(c="chr1", a=600, b=700, s="+", n="bad")
    return {
        "overlapping exons": (
            [exon("bad", 600, 700), exon("bad", 690, 800)],
            "exons that overlap, 600-700 and 690-800",
        ),
        "CDS outside exons": ([exon("bad", 600, 650), codes], "codes at 600-700, outside its exons"),
        "missing chromosome": ([exon("bad", 1, 50, chromosome="chr9")], r"lies on chr9, which \S*g\.fa has not"),
        "beyond the end": ([exon("bad", 600, 1300)], "ends at 1300, chr1 has 1200 letters"),
        "two strands": ([exon("bad", 600, 650), exon("bad", 700, 750, "-")], r"lies on chr1 - and chr1 \+"),
        "no strand": ([exon("bad", 600, 650, ".")], "lies on chr1 .. Give"),
    }


@pytest.mark.parametrize("what", bad_cases())
def test_a_transcript_that_makes_no_row_is_told_with_file_and_line(ingest, what):
    lines, says = bad_cases()[what]
    status, told, rows, problems = ingest(*lines)
    assert (status, set(rows), len(problems)) == (0, {"good"}, 1)
    assert "2 transcripts: 1 rows, 1 left out; 0 notes" in told
    assert (problems[0]["line"], problems[0]["left_out"]) == ("3", "yes")
    assert problems[0]["file"].endswith("a.gff3")
    assert re.search(says, problems[0]["reason"]), problems[0]["reason"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("chr1\tx\texon\t600\n", "has 4 cells, wanted 9"),
        ("chr1\tx\texon\t700\t600\t.\t+\t.\tParent=bad\n", "exon from '700' to '600'"),
        ("chr1\tx\texon\tsix\t700\t.\t+\t.\tParent=bad\n", "exon from 'six' to '700'"),
        ("chr1\tx\texon\t600\t700\t.\t+\t.\tNote=orphan\n", "neither Parent nor transcript_id"),
    ],
)
def test_a_line_that_is_none_is_passed_over_and_told(ingest, line, says):
    status, told, rows, problems = ingest(line)
    assert (status, set(rows)) == (0, {"good"})
    assert says in problems[0]["reason"]
    assert problems[0]["line"] == "3"
    assert "1 rows, 0 left out; 1 notes" in told


@pytest.mark.parametrize(
    ("coding", "letters", "says"),
    [
        ((600, 700), LETTERS, "codes with 101 letters, which is not a multiple of three"),
        ((601, 700), "A" * 600 + "ATGTAG" + "A" * 594, "has a stop codon as its codon 2 of"),
        ((601, 609), "A" * 600 + "ATGGCCAAA" + "A" * 594, "ends to code with AAA, which is no stop codon"),
        ((601, 609), "A" * 600 + "GCCGCCTAA" + "A" * 594, "begins to code with GCC, which is no start codon"),
    ],
)
def test_doubtful_coding_keeps_its_row(ingest, coding, letters, says):
    a, b = coding
    b -= (b - a + 1) % 3 if "multiple" not in says else 0
    status, _, rows, problems = ingest(exon("odd", 590, 710), CODES.format(c="chr1", a=a, b=b, s="+", n="odd"),
                                          letters=letters)  # fmt: skip
    assert (status, set(rows)) == (0, {"good", "odd"})
    assert says in problems[0]["reason"]
    assert rows["odd"]["cds"].values.sum() == b - a + 1
    assert ("aa_seq" in rows["odd"]) == ("codon" in says and "codon 2" not in says)


def test_runs_of_n_leave_a_transcript_out_only_where_they_are_long(ingest):
    letters = LETTERS[:600] + "N" * 300 + LETTERS[900:]
    status, _, rows, problems = ingest(exon("bad", 650, 850), exon("fine", 1100, 1150), letters=letters,
                                          more=["--upstream", "20", "--downstream", "20", "--least", "20"])  # fmt: skip
    assert (status, set(rows)) == (0, {"good", "fine"})
    assert "has 241 letters N of 241" in problems[0]["reason"]
    assert len(rows["fine"]["rna_seq"]) == 51 + 40


def test_a_genome_of_another_length_and_another_assembly_are_told(ingest, tmp_path):
    (tmp_path / "x.bedGraph").write_text("chr1\t0\t100\t1.5\nchr1\t1190\t1300\t2\n")
    more = [f"phylop={tmp_path / 'x.bedGraph'}"]
    status, _, rows, problems = ingest(head="##gff-version 3\n##sequence-region chr1 1 1300\n", more=more)
    assert status == 0
    assert "phylop" not in rows["good"]
    assert [p["line"] for p in problems] == ["2", ""]
    assert "chr1 has 1300 letters here, 1200 in" in problems[0]["reason"]
    assert "x.bedGraph:2: goes beyond the 1200 letters of chr1" in problems[1]["reason"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("chr1\t0\t100\t1\nchr1\t50\t60\t2\n", "x.bedGraph:2: overlaps the stretch before it"),
        ("chr1\t0\t100\t1\nchr1\t200\t100\t2\n", "x.bedGraph:2: goes from 200 to 100"),
        ("chr1\t0\t100\t1\nchr1\t200\n", "x.bedGraph:2: has 'chr1"),
        ("nonsense\n", "neither bedGraph nor BED nor bigWig"),
    ],
)
def test_a_broken_signal_is_refused(ingest, tmp_path, content, says):
    (tmp_path / "x.bedGraph").write_text(content)
    status, told, rows, _ = ingest(more=[f"phylop={tmp_path / 'x.bedGraph'}"])
    assert (status, rows) == (1, {})
    assert says in told


def test_a_bigwig_of_another_assembly_is_left_out(ingest, tmp_path):
    big = pytest.importorskip("pyBigWig")
    file = big.open(str(tmp_path / "x.bw"), "w")
    file.addHeader([("chr1", 1500)])
    file.addEntries(["chr1"], [0], ends=[1500], values=[1.0])
    file.close()
    status, _, rows, problems = ingest(more=[f"phylop={tmp_path / 'x.bw'}"])
    assert (status, "phylop" in rows["good"]) == (0, False)
    assert "chr1 has 1500 letters, 1200 in the genome, so it is of another assembly" in problems[0]["reason"]


def test_tracks_of_residues_and_known_proteins_are_compared(ingest, tmp_path):
    letters = "C" * 600 + "ATGGCCAAATAA" + "C" * 588
    lines = exon("p", 590, 640), CODES.format(c="chr1", a=601, b=612, s="+", n="p")
    (tmp_path / "d.fa").write_text(">p\nHHX\n>good\nEE\n")
    (tmp_path / "k.fa").write_text(">p\nMAK\n")
    _, _, rows, problems = ingest(*lines, letters=letters, more=[f"dssp={tmp_path / 'd.fa'}",
                                                               f"proteins={tmp_path / 'k.fa'}"])  # fmt: skip
    assert not problems
    assert (rows["p"]["dssp"].categories, rows["p"]["dssp"].values.tolist()) == (("E", "H"), [1, 1, -1])
    (tmp_path / "d.fa").write_text(">p\nHH\n")
    _, _, rows, problems = ingest(*lines, letters=letters, more=[f"dssp={tmp_path / 'd.fa'}"])
    assert "has 2 places of dssp and 3 residues" in problems[0]["reason"]
    (tmp_path / "k.fa").write_text(">p\nMAR\n")
    _, _, rows, problems = ingest(*lines, letters=letters, more=[f"proteins={tmp_path / 'k.fa'}"])
    assert "is not the one given" in problems[0]["reason"]
    assert "aa_seq" not in rows["p"]


def test_without_genome_or_rows_nothing_is_written(ingest, tmp_path, capsys):
    status, told, rows, _ = ingest(letters="ACGT")
    assert (status, rows) == (1, {})
    assert "no row was made of 1 transcripts" in told
    assert main(["genes", "ingest", str(tmp_path / "a.gff3"), "--out", str(tmp_path / "x")]) == 1
    assert "there is no genome (FASTA) among 1 files" in capsys.readouterr().err


def test_strict_stops_at_the_first_problem(ingest):
    status, told, rows, _ = ingest(exon("bad", 600, 1300), more=["--strict"])
    assert (status, rows) == (1, {})
    assert "a.gff3:3: transcript 'bad' ends at 1300" in told


def test_limits_that_leave_nothing_are_refused():
    from foundation.data.biology.genes.flanks import Flanks
    from foundation.data.biology.genes.rows import RowLimits

    with pytest.raises(FoundationError, match="the last the smallest"):
        Flanks(100, 100, 200)
    with pytest.raises(FoundationError, match="shares from 0 to 1"):
        RowLimits(unknown_share=2)
