"""Files of a simulated genome, as real ones come: FASTA, GFF3, bedGraph; and the truth, a line of JSON a gene."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float32

from foundation.data.simulate.genes import measured
from foundation.data.simulate.genes.background import GENOME, background
from foundation.data.simulate.genes.gene import COMPLEMENT, Gene, Species
from foundation.data.simulate.genes.motifs import LETTERS

EACH = 100  # genes of a chromosome
BETWEEN = (250, 1500)  # letters between genes
PROBED = 0.6  # share of genes with reactivity
LINE = 80
NAMES = {
    "genome": "genome.fa", "annotation": "genes.gff3", "phylop": "phylop.bedGraph", "plus": "probing_plus.bedGraph",
    "minus": "probing_minus.bedGraph", "dssp": "dssp.fa", "proteins": "proteins.fa", "truth": "truth.jsonl",
    "variants": "variants.vcf",
}  # fmt: skip


def write_genome(genes: Iterable[Gene], species: Species, out: Path) -> None:
    """Write all files into a directory that exists; memory holds one chromosome."""
    with ExitStack() as stack:
        files = {name: stack.enter_context((out / file).open("w")) for name, file in NAMES.items()}
        print("##gff-version 3", file=files["annotation"])
        print("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO", file=files["variants"])
        waiting: list[str] = []
        for number, gene in enumerate(genes):
            if number % EACH == 0 and waiting:
                _flush(waiting, number // EACH, files["genome"])
            rng = np.random.default_rng((species.seed, 2, number))
            waiting.append(background(rng, int(rng.integers(*BETWEEN)), GENOME))
            strand = 1 if rng.random() < 0.5 else -1
            _place(gene, f"sim{number // EACH + 1}", sum(map(len, waiting)), strand, rng, species, files)
            waiting.append(gene.letters if strand > 0 else gene.letters.translate(COMPLEMENT)[::-1])
        waiting.append(LETTERS * (BETWEEN[0] // len(LETTERS)))
        _flush(waiting, number // EACH + 1, files["genome"])


def _flush(waiting: list[str], number: int, file: IO[str]) -> None:
    letters = "".join(waiting)
    lines = (letters[i : i + LINE] for i in range(0, len(letters), LINE))
    file.write(f">sim{number}\n" + "\n".join(lines) + "\n")
    waiting.clear()


def _place(
    gene: Gene, chromosome: str, start: int, strand: int, rng: np.random.Generator, species: Species,
    files: Mapping[str, IO[str]],
) -> None:  # fmt: skip
    """Write what is known of a gene that lies here."""
    files["annotation"].writelines(_annotation(gene, chromosome, start, strand))
    files["phylop"].writelines(_graph(measured.conservation(gene, rng), chromosome, start, strand))
    if rng.random() < PROBED:
        probing = files["plus" if strand > 0 else "minus"]
        probing.writelines(_graph(measured.reactivity(gene, rng), chromosome, start, strand))
    if gene.protein:
        files["proteins"].write(f">{gene.name}.1\n{gene.protein}\n")
        files["dssp"].write(f">{gene.name}.1\n{species.families[gene.family].shape}\n")
    files["variants"].writelines(_variants(gene, chromosome, start, strand))
    files["truth"].write(json.dumps(_truth(gene, chromosome, start, strand)) + "\n")


def _annotation(gene: Gene, chromosome: str, start: int, strand: int) -> Iterator[str]:
    """Lines of GFF3."""
    n = len(gene.letters)

    def line(kind: str, low: int, high: int, about: str, phase: str = ".") -> str:
        a, b = (low, high) if strand > 0 else (n - high, n - low)
        cells = (
            chromosome,
            "foundation",
            kind,
            start + a + 1,
            start + b,
            ".",
            "+" if strand > 0 else "-",
            phase,
            about,
        )
        return "\t".join(map(str, cells)) + "\n"

    biotype = "protein_coding" if gene.coding else "lncRNA"
    yield line("gene", 0, n, f"ID={gene.name};gene_biotype={biotype}")
    second = [(2, gene.second.exons, "lncRNA")] if gene.second else []
    for number, exons, kind in ((1, gene.exons, biotype), *second):
        name = f"{gene.name}.{number}"
        yield line("transcript", exons[0][0], exons[-1][1], f"ID={name};Parent={gene.name};biotype={kind}")
        yield from (line("exon", low, high, f"Parent={name}") for low, high in exons)
    done = 0
    for low, high in _runs(gene.coding):
        yield line("CDS", low, high, f"ID=cds-{gene.name};Parent={gene.name}.1", str(-done % 3))
        done += high - low


def _variants(gene: Gene, chromosome: str, start: int, strand: int) -> Iterator[str]:
    """Lines of VCF: letters whose change alters the splicing of the first transcript."""
    for variant in sorted(gene.variants, key=lambda v: strand * v.place):
        place = variant.place if strand > 0 else len(gene.letters) - 1 - variant.place
        old, new = (x if strand > 0 else x.translate(COMPLEMENT) for x in (variant.old, variant.new))
        cells = (chromosome, start + place + 1, f"{gene.name}:{variant.place}{variant.new}", old, new, ".", ".", ".")
        yield "\t".join(map(str, cells)) + "\n"


def _graph(values: Float32[np.ndarray, "n"], chromosome: str, start: int, strand: int) -> Iterator[str]:
    for i, value in enumerate(values[::strand].tolist(), start):
        if value == value:
            yield f"{chromosome}\t{i}\t{i + 1}\t{value:.{measured.DECIMALS}f}\n"


def _truth(gene: Gene, chromosome: str, start: int, strand: int) -> dict[str, object]:
    return {
        "gene": gene.name, "chromosome": chromosome, "start": start, "strand": strand, "exons": gene.exons,
        "family": gene.family, "structure": measured.dot_bracket(gene),
        "variants": [vars(variant) for variant in gene.variants],
    }  # fmt: skip


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Stretches of consecutive places."""
    if not places:
        return
    array = np.array(places)
    ends = np.append(np.flatnonzero(np.diff(array) > 1), len(array) - 1)
    first = 0
    for last in ends.tolist():
        yield int(array[first]), int(array[last]) + 1
        first = last + 1
