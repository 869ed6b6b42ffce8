"""Rows of annotated genomes, held base by base to biopython's own extraction of the same features."""

import numpy as np
import pytest
from Bio import SeqIO
from Bio.Seq import Seq

from foundation.data.biology.genes.account import Account
from foundation.data.biology.genes.build import rows
from foundation.data.biology.genes.flanks import Flanks
from foundation.data.biology.genes.inputs import read_beside, read_inputs
from foundation.data.biology.genes.layout import ENDS
from foundation.data.biology.genes.rows import Beside, RowLimits


@pytest.fixture
def read():
    def read(*files, beside=None, account=None, **limits):
        account = account or Account()
        samples = rows(read_inputs(files, account), RowLimits(**limits), beside or Beside(), account)
        return {sample.key: sample for sample in samples}

    return read


def inside(sample, name):
    """The letters of the bases that a track says yes to."""
    return "".join(c for c, yes in zip(sample["rna_seq"].letters, sample[name].values, strict=True) if yes)


def as_rna(letters):
    return letters.replace("T", "U")


@pytest.mark.parametrize("write", ["write_gff", "write_gtf"])
@pytest.mark.parametrize("seed", range(4))
def test_exons_and_coding_parts_are_biopythons_on_both_strands(make_genome, read, tmp_path, seed, write):
    genome = make_genome(seed)
    found = read(genome.write_fasta(tmp_path / "g.fa"), getattr(genome, write)(tmp_path / "a.txt"))
    assert set(found) == {m.name for m in genome.made}
    assert {m.strand for m in genome.made} == {1, -1}
    for m in genome.made:
        sample, letters = found[m.name], genome.letters[m.chromosome]
        assert inside(sample, "splice_regions") == as_rna(m.extract(m.exons, letters))
        assert inside(sample, "cds") == (as_rna(m.extract(m.coding, letters)) if m.coding else "")
        if m.coding:
            protein = str(Seq(m.extract(m.coding, letters)).translate(cds=True))
            assert sample["aa_seq"].letters == protein
            assert str(Seq(sample["rna_codons"].letters).translate()) == protein


@pytest.mark.parametrize("seed", range(4))
def test_junctions_stand_beside_the_exons(make_genome, read, tmp_path, seed):
    genome = make_genome(seed)
    found = read(genome.write_fasta(tmp_path / "g.fa"), genome.write_gff(tmp_path / "a.gff3"))
    for m in genome.made:
        sample = found[m.name]
        exonic, names = sample["splice_regions"].values, np.array(ENDS)[sample["splice_jctns_5cls"].values]
        for place in range(1, len(exonic) - 1):  # by looking at neighbours, as nothing else here does
            begins, ends = exonic[place + 1] > exonic[place], exonic[place] < exonic[place - 1]
            first, last = not exonic[: place + 1].any(), not exonic[place:].any()
            wanted = (
                {"start" if first else "acceptor"} if begins else {"end" if last else "donor"} if ends else {"none"}
            )
            assert names[place] in wanted or (begins and ends)
        assert (sample["splice_junctions"].values > 0).sum() == 2 * len(m.exons)
        assert (sample["cds_junctions"].values > 0).sum() == 2 * len(m.coding)
        both = sample["utr"].values & sample["cds"].values
        assert not both.any()
        assert ((sample["utr"].values | sample["cds"].values) == exonic).all() == bool(m.coding)


def test_the_order_of_lines_does_not_matter_and_is_told(make_genome, read, tmp_path):
    genome, account = make_genome(), Account()
    fasta = genome.write_fasta(tmp_path / "g.fa")
    straight = read(fasta, genome.write_gff(tmp_path / "a.gff3"))
    turned = read(fasta, genome.write_gff(tmp_path / "b.gff3", reverse=True), account=account)
    assert set(straight) == set(turned)
    for name, sample in straight.items():
        assert turned[name]["rna_seq"].letters == sample["rna_seq"].letters
        assert (turned[name]["cds"].values == sample["cds"].values).all()
    assert "genes stand after one that begins later; all were sorted" in str(account.problems[0])
    assert (account.rows, account.lost) == (len(genome.made), 0)


def test_flanks_stop_at_the_next_gene_of_the_strand_but_not_below_the_least(make_genome, read, tmp_path):
    genome = make_genome(1)
    files = genome.write_fasta(tmp_path / "g.fa"), genome.write_gff(tmp_path / "a.gff3")
    found = read(*files, flanks=Flanks(1000, 300, 200))
    for m in genome.made:
        origin = found[m.name].origin
        others = [o for o in genome.made if o.chromosome == m.chromosome and o.strand == m.strand and o is not m]
        start, end = m.exons[0][0], m.exons[-1][1]
        free_before = min([start, *(start - o.exons[-1][1] for o in others if o.exons[0][0] < start)])
        free_after = min([10**9, *(o.exons[0][0] - end for o in others if o.exons[0][0] > start)])
        wide = (1000, 300)[:: m.strand]
        low = max(start - max(min(wide[0], free_before), 200), 0)
        high = min(end + max(min(wide[1], free_after), 200), len(genome.letters[m.chromosome]))
        assert (origin["start"], origin["end"], origin["strand"]) == (low, high, m.strand)
        assert len(found[m.name]["rna_seq"]) == high - low


def test_the_avidin_gene_is_the_same_from_gff3_and_from_genbank(bio_data, read, tmp_path):
    folder = bio_data / "sequence"
    SeqIO.write(SeqIO.read(folder / "gg_avidin.gb", "genbank"), tmp_path / "a.fa", "fasta")
    [one] = read(tmp_path / "a.fa", folder / "gg_avidin.gff3").values()
    [two] = read(folder / "gg_avidin.gb").values()
    assert set(one) == set(two)
    for name, record in one.items():
        if hasattr(record, "letters"):
            assert two[name].letters == record.letters
        else:
            assert two[name].values.tolist() == record.values.tolist()
    assert len(one["rna_seq"]) == 1224
    edges = np.flatnonzero(np.diff(one["splice_regions"].values, prepend=0, append=0)).reshape(-1, 2)
    assert edges.tolist() == [[97, 178], [262, 473], [898, 1019], [1106, 1152]]
    assert one["aa_seq"].letters.startswith("MVHATSPLLL")


def test_real_genbank_entries_translate_as_the_database_says(bio_data, read):
    account = Account()
    found = read(*(bio_data / "sequence").glob("*.gb"), account=account, flanks=Flanks(200, 200))
    assert account.rows == len(found) > 10
    given = {}
    for path in (bio_data / "sequence").glob("*.gb"):
        with path.open() as file:
            coding = [(f, e.seq) for e in SeqIO.parse(file, "genbank") for f in e.features if f.type == "CDS"]
        given |= {f.qualifiers["translation"][0]: str(f.extract(letters)) for f, letters in coding}
    ours = {s["aa_seq"].letters: inside(s, "cds") for s in found.values() if "aa_seq" in s}
    assert {protein: as_rna(letters) for protein, letters in given.items()} == ours


def test_signals_are_turned_with_the_strand(make_genome, read, tmp_path):
    genome = make_genome(2)
    rng = np.random.default_rng(0)
    truth = {name: np.round(rng.normal(size=len(letters)), 3) for name, letters in genome.letters.items()}
    lines, known = [], {}
    for name, values in truth.items():
        known[name] = np.zeros(len(values), bool)
        for place in range(0, len(values) - 7, 7):
            if rng.random() < 0.8:
                width = int(rng.integers(1, 8))
                lines.append(f"{name}\t{place}\t{place + width}\t{values[place]}\n")
                values[place : place + width] = values[place]
                known[name][place : place + width] = True
    (tmp_path / "x.bedGraph").write_text("track type=bedGraph\n" + "".join(lines[::-1]))
    beside = read_beside({"phylop": [tmp_path / "x.bedGraph"]})
    found = read(genome.write_fasta(tmp_path / "g.fa"), genome.write_gff(tmp_path / "a.gff3"), beside=beside)
    for m in genome.made:
        o = found[m.name].origin
        wanted = np.where(known[m.chromosome], truth[m.chromosome], np.nan)[o["start"] : o["end"]][:: m.strand]
        np.testing.assert_array_equal(found[m.name]["phylop"].values, np.float32(wanted))


def test_a_signal_may_have_a_file_for_each_strand(make_genome, read, tmp_path):
    genome = make_genome(2)
    for name, value in (("plus", 1), ("minus", 2)):
        (tmp_path / name).write_text("".join(f"{c} 0 {len(x)} {value}\n" for c, x in genome.letters.items()))
    beside = read_beside({"rasp2": [tmp_path / "plus", tmp_path / "minus"]})
    found = read(genome.write_fasta(tmp_path / "g.fa"), genome.write_gff(tmp_path / "a.gff3"), beside=beside)
    assert {(s.origin["strand"], *set(s["rasp2"].values.tolist())) for s in found.values()} == {(1, 1.0), (-1, 2.0)}


def test_peaks_become_deciles_and_the_highest_counts(make_genome, read, tmp_path):
    genome = make_genome(2)
    n = len(genome.letters["chr1"])
    peaks = [f"chr1\t{i * 100}\t{i * 100 + 120}\tp\t0\t.\t{(i * 7) % 50}\t1\t1\t5\n" for i in range(50)]
    (tmp_path / "x.narrowPeak").write_text("".join(peaks))
    beside = read_beside({"atac": [tmp_path / "x.narrowPeak"]})
    found = read(genome.write_fasta(tmp_path / "g.fa"), genome.write_gff(tmp_path / "a.gff3"), beside=beside)
    signal = np.zeros(n)
    for i in range(50):
        decile = 1 + np.searchsorted(np.quantile(np.arange(50), np.arange(1, 10) / 10), (i * 7) % 50)
        signal[i * 100 : i * 100 + 120] = np.maximum(signal[i * 100 : i * 100 + 120], decile)
    for m in (m for m in genome.made if m.chromosome == "chr1"):
        o, track = found[m.name].origin, found[m.name]["atac"]
        names = np.array(track.categories)[track.values]
        wanted = ["N" if d == 0 else "X" if d == 10 else str(int(d)) for d in signal[o["start"] : o["end"]]]
        assert names.tolist() == wanted[:: m.strand]
    assert not any("atac" in s for s in found.values() if s.labels["chromosome"] == "chr2")


def test_bigwigs_are_read_as_bedgraphs_are(make_genome, read, tmp_path):
    big = pytest.importorskip("pyBigWig")
    genome = make_genome(3)
    file = big.open(str(tmp_path / "x.bw"), "w")
    file.addHeader([(name, len(letters)) for name, letters in genome.letters.items()])
    for name in genome.letters:
        file.addEntries([name] * 3, [0, 1000, 2000], ends=[500, 1500, 3000], values=[1.0, 2.0, 3.0])
    file.close()
    lines = [
        f"{c} {a} {b} {v}\n" for c in genome.letters for a, b, v in ((0, 500, 1), (1000, 1500, 2), (2000, 3000, 3))
    ]
    (tmp_path / "x.bedGraph").write_text("".join(lines))
    beside = read_beside({"one": [tmp_path / "x.bw"], "two": [tmp_path / "x.bedGraph"]})
    files = genome.write_fasta(tmp_path / "g.fa"), genome.write_gff(tmp_path / "a.gff3")
    for sample in read(*files, beside=beside, missing_share=1.0).values():
        np.testing.assert_array_equal(sample["one"].values, sample["two"].values)
