"""The `simulate genes` verb: an annotated genome whose every answer is known, made by any number of processes."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from torch.utils.data import DataLoader, Dataset

from foundation.data.simulate.genes.files import NAMES, write_genome
from foundation.data.simulate.genes.gene import Gene, Species
from foundation.errors import FoundationError
from foundation.files import whole_directory
from foundation.processes import end_with_parent
from foundation.progress import track

FAMILIES = "families.json"


def genes(
    out: Path = Path("runs/genes"), genes: int = 1000, families: int = 12, coding: float = 0.85, workers: int = 0,
    seed: int = 0,
) -> None:  # fmt: skip
    """Simulate a genome with genes whose splicing, coding, conservation, folding and protein families are known.

    Junctions are what a spliceosome with context makes of the letters (branch point, pyrimidine tract, enhancers,
    pairing of sites across exons), so it can be asked of edited letters too. OUT gets genome.fa, genes.gff3,
    phylop.bedGraph, probing_plus.bedGraph, probing_minus.bedGraph, dssp.fa, proteins.fa, variants.vcf (letters whose
    change alters the splicing), truth.jsonl (structure, and the exons after such changes) and families.json (paired
    sites). Gene number i of a seed is the same however many there are.

    Example:
        foundation simulate genes --out runs/genes --genes 2000 --workers 2
        foundation genes ingest runs/genes/genome.fa runs/genes/genes.gff3 phylop=runs/genes/phylop.bedGraph \\
            rasp2=runs/genes/probing_plus.bedGraph,runs/genes/probing_minus.bedGraph dssp=runs/genes/dssp.fa \\
            --out runs/genes/records

    Args:
        out: directory of the files; replaced when the new ones are complete.
        genes: how many.
        families: of proteins.
        coding: share of genes that code for one.
        workers: extra processes; 0 = this one only.
        seed: of everything.

    Raises:
        FoundationError: an option makes no sense, `out` holds something else, or the disk is full.
    """
    if genes < 1 or families < 1 or not 0 <= coding <= 1:
        raise FoundationError(
            f"{genes} genes, {families} families, a share of {coding} that codes. Give 1 or more, and 0 to 1."
        )
    if out.exists() and any(out.iterdir()) and not (out / NAMES["truth"]).is_file():
        raise FoundationError(f"{out}: holds no simulated genes, and would be replaced. Give another --out.")
    species = Species.draw(seed, families, coding)
    with whole_directory(out) as directory:
        write_genome(track(simulated(species, genes, workers), "simulating genes", genes), species, directory)
        pairs = [{"shape": f.shape, "pairs": f.pairs} for f in species.families]
        (directory / FAMILIES).write_text(json.dumps(pairs) + "\n")
    print(f"{out}: {genes} genes")


@dataclass(frozen=True)
class _Numbered(Dataset[Gene]):
    """Genes by number, as torch's loader wants them."""

    species: Species
    genes: int

    def __len__(self) -> int:
        return self.genes

    def __getitem__(self, index: int) -> Gene:
        return self.species.gene(index)


def simulated(species: Species, genes: int, workers: int = 0) -> Iterator[Gene]:
    """The same genes in the same order for any number of worker processes."""
    loader: Iterable[Gene] = DataLoader(
        _Numbered(species, genes),
        None,
        num_workers=workers,
        collate_fn=_same,  # type: ignore[arg-type]
        worker_init_fn=end_with_parent,
    )
    return iter(loader)


def _same(gene: Gene) -> Gene:
    return gene
