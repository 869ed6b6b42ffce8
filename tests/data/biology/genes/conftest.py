"""Random annotated genomes, written as files, with biopython's features of the same as the independent reading."""

import numpy as np
import pytest
from Bio.Seq import Seq
from Bio.SeqFeature import CompoundLocation, SimpleLocation

LENGTHS = {"chr1": 6000, "chr2": 4000}


class Made:
    """One transcript: 0-based exons and coding parts on the forward strand."""

    def __init__(self, name, chromosome, strand, exons, coding):
        self.name, self.chromosome, self.strand, self.exons, self.coding = name, chromosome, strand, exons, coding

    def extract(self, parts, letters):
        """Biopython's letters of these parts, in reading order."""
        locations = [SimpleLocation(a, b, self.strand) for a, b in parts][:: self.strand]
        location = locations[0] if len(locations) == 1 else CompoundLocation(locations)
        return str(location.extract(Seq(letters)))


class Genome:
    """Letters by chromosome, and transcripts that code with stop and start codons written into the letters."""

    def __init__(self, seed=0, each=6):
        rng = np.random.default_rng(seed)
        self.letters = {name: "".join(rng.choice(list("ACGT"), n)) for name, n in LENGTHS.items()}
        self.made = [
            made(rng, f"t{name[-1]}.{i}", name, 300 + i * 800, 1 if rng.random() < 0.5 else -1)
            for name, n in LENGTHS.items()
            for i in range(min(each, (n - 1000) // 800))
        ]
        for m in self.made:
            if m.coding:
                self._write_frame(m)

    def _write_frame(self, m):
        """ATG, codons without stops, and TAA at the places of the coding parts."""
        places = [p for a, b in m.coding for p in range(a, b)][:: m.strand]
        middle = ["GCT", "CAA", "GAG", "AAC"] * len(places)
        codons = ["ATG", *middle[: len(places) // 3 - 2], "TAA"]
        letters = list(self.letters[m.chromosome])
        for place, letter in zip(places, "".join(codons), strict=True):
            letters[place] = letter if m.strand > 0 else str(Seq(letter).complement())
        self.letters[m.chromosome] = "".join(letters)

    def write_fasta(self, path):
        """Lines of 70 letters."""
        with path.open("w") as file:
            for name, letters in self.letters.items():
                lines = "\n".join(letters[i : i + 70] for i in range(0, len(letters), 70))
                file.write(f">{name} made up\n{lines}\n")
        return path

    def write_gff(self, path, reverse=False):
        """GFF3 with genes, mRNAs, exons and CDS."""
        lines = [line for m in self.made for line in gff_lines(m)]
        path.write_text("\n".join(["##gff-version 3", *(lines[::-1] if reverse else lines)]) + "\n")
        return path

    def write_gtf(self, path):
        """GTF, in which the stop codon is no part of the CDS."""
        path.write_text("".join(line + "\n" for m in self.made for line in gtf_lines(m)))
        return path


def made(rng, name, chromosome, start, strand):
    """One to four exons; coding from within the first to within the last, a multiple of three, or not at all."""
    edges = start + np.sort(rng.choice(np.arange(20, 500), 2 * int(rng.integers(1, 5)), replace=False))
    exons = [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
    places = [p for a, b in exons for p in range(a, b)]
    length = (len(places) - 4) // 3 * 3
    if length < 12 or rng.random() < 0.2:
        return Made(name, chromosome, strand, exons, [])
    low, high = places[2], places[2 + length - 1] + 1
    coding = [(max(a, low), min(b, high)) for a, b in exons if a < high and b > low]
    return Made(name, chromosome, strand, exons, coding)


def gff_lines(m):
    sign, start, end = "+" if m.strand > 0 else "-", m.exons[0][0] + 1, m.exons[-1][1]

    def row(kind, a, b, phase, about):
        return "\t".join((m.chromosome, "made", kind, str(a), str(b), ".", sign, str(phase), about))

    yield row("gene", start, end, ".", f"ID=gene-{m.name};gene_biotype={'protein_coding' if m.coding else 'lncRNA'}")
    yield row("mRNA" if m.coding else "lnc_RNA", start, end, ".", f"ID={m.name};Parent=gene-{m.name}")
    for a, b in m.exons:
        yield row("exon", a + 1, b, ".", f"Parent={m.name}")
    for (a, b), phase in zip(m.coding, phases(m), strict=True):
        yield row("CDS", a + 1, b, phase, f"ID=cds-{m.name};Parent={m.name};protein_id=p-{m.name}")


def gtf_lines(m):
    about = f'gene_id "gene-{m.name}"; transcript_id "{m.name}"; gene_biotype "protein_coding";'
    sign = "+" if m.strand > 0 else "-"
    places = [p for a, b in m.coding for p in range(a, b)][:: m.strand]
    stop = set(places[-3:])
    for kind, parts in (("exon", m.exons), ("CDS", without(m.coding, stop)), ("stop_codon", runs(stop))):
        for a, b in parts:
            yield "\t".join((m.chromosome, "made", kind, str(a + 1), str(b), ".", sign, "0", about))


def phases(m):
    done, found = 0, []
    for a, b in m.coding[:: m.strand]:
        found.append(-done % 3)
        done += b - a
    return found[:: m.strand]


def without(parts, places):
    return runs({p for a, b in parts for p in range(a, b)} - places, [b for _, b in parts])


def runs(places, ends=()):
    """Stretches of consecutive places, cut also at these ends."""
    found = []
    for place in sorted(places):
        if found and found[-1][1] == place and place not in ends:
            found[-1] = found[-1][0], place + 1
        else:
            found.append((place, place + 1))
    return found


@pytest.fixture
def make_genome():
    return Genome
