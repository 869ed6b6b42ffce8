"""Simulated genes: the truth that is stored is the truth, seeds reproduce, and statistics are what was asked."""

import json
from collections import Counter

import numpy as np
import pytest
from Bio import SeqIO
from Bio.Seq import Seq

from foundation.__main__ import main
from foundation.data.shards import RecordShards
from foundation.data.simulate.genes import measured
from foundation.data.simulate.genes.background import GENOME, background
from foundation.data.simulate.genes.command import simulated
from foundation.data.simulate.genes.families import COUPLED, Family
from foundation.data.simulate.genes.gene import Species
from foundation.data.simulate.genes.spliceosome import splice

COUNT = 25


@pytest.fixture(scope="module")
def species():
    return Species.draw(3, families=4)


@pytest.fixture(scope="module")
def made(species):
    return [species.gene(i) for i in range(COUNT)]


def test_exons_are_what_the_spliceosome_makes_of_the_letters(made):
    for gene in made:
        assert splice(gene.letters) == gene.exons


def test_second_transcripts_begin_late_or_end_early_and_are_spliced_from_their_own_letters(made):
    several = [gene for gene in made if gene.second]
    assert COUNT * 0.4 < len(several) < COUNT * 0.9
    kinds = set()
    for gene in several:
        start, end, exons = gene.second
        own = splice(gene.letters[start:end])
        assert [(a + start, b + start) for a, b in own] == list(exons)
        kinds.add((start > 0, end < len(gene.letters)))
        inside = {p for exon in gene.exons for p in exon if start < p < end}
        assert {p for exon in exons for p in exon} - {start, end} != inside, "a site beside the end is lost"
    assert kinds == {(True, False), (False, True)}


def test_coding_sequences_translate_to_the_protein(made):
    coding = [gene for gene in made if gene.coding]
    assert COUNT * 0.5 < len(coding) < COUNT
    for gene in coding:
        letters = "".join(gene.letters[i] for i in gene.coding)
        assert str(Seq(letters).translate(cds=True)) == gene.protein
        exonic = {p for a, b in gene.exons for p in range(a, b)}
        assert exonic.issuperset(gene.coding)


def test_one_letter_changes_the_splicing_as_told(made):
    variants = [(gene, v) for gene in made for v in gene.variants]
    assert len(variants) > COUNT / 2
    for gene, v in variants:
        assert gene.letters[v.place] == v.old
        assert splice(gene.letters[: v.place] + v.new + gene.letters[v.place + 1 :]) == v.exons != gene.exons
    assert {v.new for _, v in variants} == {"A", "T"}


def test_hairpins_pair(made):
    pairs = [gene.letters[i] + gene.letters[j] for gene in made for i, j in gene.pairs]
    assert len(pairs) > COUNT
    assert set(pairs) <= {"AT", "TA", "CG", "GC"}
    for gene in made:
        text = measured.dot_bracket(gene)
        assert text.count("(") == text.count(")") == len(gene.pairs)


def test_a_gene_depends_on_seed_and_number_alone(species, made):
    again = Species.draw(3, families=4)
    assert vars(again.gene(7)) == vars(made[7])
    assert Species.draw(4, families=4).gene(7).letters != made[7].letters
    assert [g.letters for g in simulated(species, 3)] == [g.letters for g in made[:3]]


def test_paired_sites_of_a_family_change_together_and_others_do_not():
    rng = np.random.default_rng(0)
    family = Family.draw(rng)
    members = [family.member(rng) for _ in range(600)]
    i, j = family.pairs[0]
    counts = Counter((m[i], m[j]) for m in members)
    assert set(counts) == set(COUPLED)
    assert max(counts.values()) < 2 * min(counts.values())
    free = [k for k in range(1, len(family.shape)) if not any(k in pair for pair in family.pairs)]
    for k in free[:10]:
        share = np.array([np.mean([m[k] == aa for m in members]) for aa in "ARNDCQEGHILKMFPSTWYV"])
        np.testing.assert_allclose(share, family.profile[k], atol=0.08)
    shares = {s: np.mean([m[k] in "VIYFTW" for m in members for k in free if family.shape[k] == s]) for s in "EH"}
    assert shares["E"] > 1.5 * shares["H"]


def test_what_matters_is_conserved_and_what_pairs_does_not_react(made):
    rng = np.random.default_rng(0)
    scores, means = {"junction": [], "intron": [], "second": [], "silent": []}, {True: [], False: []}
    for gene in made:
        values, reactivity = measured.conservation(gene, rng), measured.reactivity(gene, rng)
        exonic = np.zeros(len(gene.letters), bool)
        for a, b in gene.exons:
            exonic[a:b] = True
        core = [p for a, b in zip(gene.exons[:-1], gene.exons[1:], strict=True) for p in (a[1], b[0] - 1)]
        scores["junction"] += values[core].tolist()
        scores["second"] += values[list(gene.coding[1::3])].tolist()
        thirds = [
            i for first, i in zip(gene.coding[1::3], gene.coding[2::3], strict=True) if gene.letters[first] == "C"
        ]
        scores["silent"] += values[thirds].tolist()
        scores["intron"] += values[~exonic].tolist()
        paired = np.zeros(len(gene.letters), bool)
        paired[[p for pair in gene.pairs for p in pair]] = True
        for is_paired in (True, False):
            means[is_paired] += reactivity[paired == is_paired].tolist()
    assert np.nanmean(scores["junction"]) == pytest.approx(measured.JUNCTION, abs=0.4)
    assert np.nanmean(scores["second"]) == pytest.approx(measured.FIXED, abs=0.1), "nearly no change there is silent"
    assert np.nanmean(scores["silent"]) < measured.SILENT + 0.4, "all changes after a C are"
    assert np.nanmean(scores["intron"]) < 0.7
    assert 0 < np.isnan(scores["intron"]).mean() < 0.2
    assert np.nanmean(means[False]) > 5 * np.nanmean(means[True])
    assert np.isnan(means[False]).mean() == pytest.approx(measured.UNSEEN, abs=0.02)


def test_files_go_through_the_builder_and_come_back_as_the_truth(tmp_path, capsys):
    out = tmp_path / "sim"
    assert main(["simulate", "genes", "--out", str(out), "--genes", "12", "--families", "3", "--seed", "5"]) == 0
    files = [out / "genome.fa", out / "genes.gff3"]
    more = [f"phylop={out / 'phylop.bedGraph'}", f"proteins={out / 'proteins.fa'}", f"dssp={out / 'dssp.fa'}",
            f"rasp2={out / 'probing_plus.bedGraph'},{out / 'probing_minus.bedGraph'}"]  # fmt: skip
    assert main(["genes", "ingest", *map(str, files), *more, "--out", str(tmp_path / "rows")]) == 0
    assert "0 left out; 0 notes" in capsys.readouterr().out
    rows = {s.key: s for s in RecordShards(tmp_path / "rows")}
    truth = [json.loads(line) for line in (out / "truth.jsonl").read_text().splitlines()]
    assert {t["strand"] for t in truth} == {1, -1}
    species = Species.draw(5, 3)
    for number, told in enumerate(truth):
        gene, row = species.gene(number), rows[f"g{number}.1"]
        origin = row.origin
        before = told["start"] - origin["start"]
        before = before if told["strand"] > 0 else origin["end"] - told["start"] - len(gene.letters)
        assert row["rna_seq"].letters[before : before + len(gene.letters)] == gene.letters.replace("T", "U")
        exonic = np.flatnonzero(row["splice_regions"].values) - before
        assert exonic.tolist() == [p for a, b in told["exons"] for p in range(a, b)]
        rng = np.random.default_rng((5, 2, number))
        background(rng, int(rng.integers(250, 1500)), GENOME)
        rng.random()
        np.testing.assert_array_equal(
            row["phylop"].values[before : before + len(gene.letters)], measured.conservation(gene, rng)
        )
        assert ("dssp" in row) == bool(gene.protein)
    assert any("rasp2" in row for row in rows.values())
    _check_variants(out, truth)


def _check_variants(out, truth):
    """Each line of the VCF names the letter that the genome has there, and the change that the truth tells of."""
    with (out / "genome.fa").open() as file:
        genome = {r.id: str(r.seq) for r in SeqIO.parse(file, "fasta")}
    lines = [line.split("\t") for line in (out / "variants.vcf").read_text().splitlines() if not line.startswith("#")]
    assert all(genome[cells[0]][int(cells[1]) - 1] == cells[3] != cells[4] for cells in lines)
    told = {f"{t['gene']}:{v['place']}{v['new']}" for t in truth for v in t["variants"]}
    assert {cells[2] for cells in lines} == told and len(lines) == len(told) > 6


def test_options_that_make_no_sense_are_refused(tmp_path, capsys):
    assert main(["simulate", "genes", "--out", str(tmp_path / "x"), "--genes", "0"]) == 1
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "mine").write_text("")
    assert main(["simulate", "genes", "--out", str(tmp_path / "y"), "--genes", "1"]) == 1
    assert "holds no simulated genes" in capsys.readouterr().err
