"""Gene: one simulated gene: a protein of a family in codons, cut by introns, spliced as the spliceosome says."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from foundation.data.simulate.genes import motifs
from foundation.data.simulate.genes.background import background
from foundation.data.simulate.genes.families import Family
from foundation.data.simulate.genes.spliceosome import Exons, splice
from foundation.data.simulate.genes.usage import synonyms

TRIES = 30  # introns are drawn again as often where the spliceosome does not do what was meant
GENES = 12  # and whole genes as often
EXON, INTRON = (70, 200), (80, 200)  # letters
DRAWS = 6  # of the codons of a stretch, of which the one with most enhancers is taken
STRETCH = 12  # codons
WEAKEST = 4.0  # score of a donor that is meant to be used
DECOYS = (0, 2)  # donors, and as many acceptors, of an intron: from and to
TRACT = (0.06, 0.34, 0.06, 0.54)  # A, C, G, T of a pyrimidine tract
STRONGEST = "GTAAGT"  # of a donor that is in the intron
OFF = "AAGGCAATA"  # a donor but for one letter: that of the beta-globin variant IVS-II-654 C>T
LATENT = 0.5  # share of introns with an exon that one letter would make
SECOND = 0.6  # share of genes that may have a second transcript, which begins late or ends early
APART = 20  # letters at least between where it does and the exons beside
COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True)
class Variant:
    """A letter of a gene that, changed, changes its splicing: what it is, what it becomes, and the exons then."""

    place: int
    old: str
    new: str
    exons: Exons


class Second(NamedTuple):
    """A second transcript of a gene: its first place, one past its last, and its exons."""

    start: int
    end: int
    exons: Exons


@dataclass(frozen=True, eq=False)
class Gene:
    """Letters in reading order and the truth about them; places are counted from the first letter.

    Args:
        exons: of the first transcript, which is as long as the gene.
        coding: places of the coding sequence, stop codon included; none if it codes for nothing.
        protein: what it codes for.
        pairs: bases that pair in hairpins.
        second: another transcript, of some of the letters.
        variants: letters that would change the splicing of the first.
    """

    name: str
    letters: str
    exons: Exons
    coding: tuple[int, ...] = ()
    protein: str = ""
    family: int = -1
    pairs: tuple[tuple[int, int], ...] = ()
    second: Second | None = None
    variants: tuple[Variant, ...] = ()


@dataclass(frozen=True, eq=False)
class Species:
    """What genes of one simulation share.

    Args:
        seed: of everything.
        coding: share of genes that code.
        families: of their proteins.
    """

    seed: int = 0
    coding: float = 0.85
    families: tuple[Family, ...] = field(default=())

    @classmethod
    def draw(cls, seed: int, families: int = 12, coding: float = 0.85) -> "Species":
        """Families of proteins."""
        rng = np.random.default_rng((seed, 0))
        return cls(seed, coding, tuple(Family.draw(rng) for _ in range(families)))

    def gene(self, number: int) -> Gene:
        """The gene of this number, whatever else is drawn."""
        rng = np.random.default_rng((self.seed, 1, number))
        for _ in range(GENES):
            codes = rng.random() < self.coding
            gene = self._coding(rng, f"g{number}") if codes else self._silent(rng, f"g{number}")
            if gene is not None:
                return _with_variants(_with_second(gene, rng), rng)
        return Gene(f"g{number}", background(rng, 400), ((0, 400),))

    def _coding(self, rng: np.random.Generator, name: str) -> Gene | None:
        family = int(rng.integers(len(self.families)))
        protein = self.families[family].member(rng)
        before, pairs_before = _untranslated(rng)
        after, pairs_after = _untranslated(rng)
        coding = self._codons(protein, rng)
        mature, first = before + coding + after, len(before)
        folded = pairs_before + [(i + first + len(coding), j + first + len(coding)) for i, j in pairs_after]
        cuts = _cuts(mature, rng, (first, first + len(coding)))
        letters, exons, settled = _cut(mature, cuts, rng)
        if not settled:
            return None
        place = [p for a, b in exons for p in range(a, b)]
        pairs = tuple((place[i], place[j]) for i, j in folded)
        return Gene(name, letters, exons, tuple(place[first : first + len(coding)]), protein, family, pairs)

    def _silent(self, rng: np.random.Generator, name: str) -> Gene | None:
        mature = background(rng, int(rng.integers(250, 600)))
        letters, _, _ = _cut(mature, _cuts(mature, rng), rng)
        exons = splice(letters)
        return Gene(name, letters, exons) if len(exons) > 1 else None

    def _codons(self, protein: str, rng: np.random.Generator) -> str:
        """A coding sequence with its stop; enhancers are favoured among synonymous codons."""
        text = ""
        for i in range(0, len(protein), STRETCH):
            drawn = ["".join(map(self._codon, protein[i : i + STRETCH], rng.random(STRETCH))) for _ in range(DRAWS)]
            text += max(drawn, key=lambda letters: motifs.exonic(letters)[-1])
        return text + self._codon("*", rng.random())

    def _codon(self, residue: str, chance: float) -> str:
        """The codon of a number from 0 to 1."""
        many, usage = synonyms()[residue]
        return many[min(int(np.searchsorted(usage, chance)), len(many) - 1)]


def _untranslated(rng: np.random.Generator) -> tuple[str, list[tuple[int, int]]]:
    """Letters with a hairpin or two, and the places that pair."""
    text, pairs = background(rng, int(rng.integers(20, 60))), []
    for _ in range(int(rng.integers(0, 3))):
        arm = "".join(rng.choice(list("CG" * 3 + "AT"), int(rng.integers(6, 10))))
        loop = background(rng, int(rng.integers(4, 8)))
        first = len(text)
        text += arm + loop + arm.translate(COMPLEMENT)[::-1]
        pairs += [(first + i, len(text) - 1 - i) for i in range(len(arm))]
        text += background(rng, int(rng.integers(15, 40)))
    return text, pairs


def _cuts(mature: str, rng: np.random.Generator, around: tuple[int, int] = (0, 10**9)) -> list[int]:
    """Where introns go: exons of usual lengths that end like a donor, one at least."""
    cuts, at = [], 0
    while (room := len(mature) - at - EXON[0]) > EXON[0]:
        low, high = at + EXON[0], at + min(int(rng.integers(EXON[0] + 1, EXON[1])), room)
        at = max(range(low, high + 1), key=lambda i: (mature[i - 2 : i] == "AG", mature[i - 1] == "G", rng.random()))
        cuts.append(at)
    return [cut for cut in cuts if around[0] < cut < around[1] or rng.random() < 0.5]


def _cut(mature: str, cuts: Sequence[int], rng: np.random.Generator) -> tuple[str, Exons, bool]:
    """The unspliced letters, the exons that are meant, and whether the spliceosome finds them.

    Introns that it does not find are drawn again, for a while.
    """
    pieces = [mature[a:b] for a, b in pairwise([0, *cuts, len(mature)])]
    introns = [_intron(piece, rng) for piece in pieces[:-1]]
    for _ in range(TRIES):
        letters, exons = _joined(pieces, introns)
        found = splice(letters)
        if found == exons:
            return letters, exons, True
        meant, used = ({(one[1], two[0]) for one, two in pairwise(x)} for x in (exons, found))
        for i in [i for i, one in enumerate(exons[:-1]) if (one[1], exons[i + 1][0]) in meant - used]:
            introns[i] = _intron(pieces[i], rng)
    return letters, exons, False


def _joined(pieces: Sequence[str], introns: Sequence[str]) -> tuple[str, Exons]:
    """Exons with introns between, and where the exons are."""
    text, exons = "", []
    for piece, intron in zip(pieces, [*introns, ""], strict=True):
        exons.append((len(text), len(text) + len(piece)))
        text += piece + intron
    return text, tuple(exons)


def _intron(exon: str, rng: np.random.Generator) -> str:
    """Letters from a donor that is strong with this exon to an acceptor, perhaps with an exon that is switched off."""
    body = _run(rng) + background(rng, int(rng.integers(*INTRON)) // 2) + _decoys(rng)
    if rng.random() < LATENT:
        inside = background(rng, int(rng.integers(50, 100))) + "".join(rng.choice(list(motifs.ENHANCERS), 3))
        body += _acceptor(rng) + inside + OFF + _run(rng)
    body += background(rng, int(rng.integers(*INTRON)) // 2)
    drawn = (_letters(motifs.DONOR[motifs.BEFORE :], rng) for _ in range(TRIES))
    strong = (d for d in drawn if motifs.donors(motifs.codes_of(exon + d + body))[len(exon)] > WEAKEST)
    return next(strong, STRONGEST) + body + _acceptor(rng)


def _decoys(rng: np.random.Generator) -> str:
    """Donors without a run of G, and acceptors without a branch point, for which letters near them speak."""
    text = ""
    for _ in range(int(rng.integers(DECOYS[0], DECOYS[1] + 1))):
        text += _letters(motifs.DONOR, rng) + background(rng, int(rng.integers(10, 50)))
        text += _tract(rng) + background(rng, int(rng.integers(10, 50)))
    return text


def _run(rng: np.random.Generator) -> str:
    """What donors need after them."""
    return background(rng, int(rng.integers(10, 35))) + motifs.RUN + background(rng, 10)


def _acceptor(rng: np.random.Generator) -> str:
    """Branch point, pyrimidine tract and AG."""
    return _letters(motifs.BRANCH, rng) + _tract(rng)


def _tract(rng: np.random.Generator) -> str:
    """Pyrimidines, mostly, and AG."""
    tract = _letters(np.broadcast_to(TRACT, (motifs.TRACT_FROM + int(rng.integers(0, 8)), 4)), rng)
    return tract.replace("AG", "TG") + str(rng.choice(list("CT"))) + "AG"


def _letters(table: np.ndarray, rng: np.random.Generator) -> str:
    above = rng.random(len(table))[:, None] * table.sum(1)[:, None] > np.cumsum(table, 1)
    return "".join(motifs.LETTERS[i] for i in np.minimum(above.sum(1), 3).tolist())


def _with_second(gene: Gene, rng: np.random.Generator) -> Gene:
    """Perhaps with a transcript that begins within an intron but the last, or ends within one but the first."""
    if len(gene.exons) < 3 or rng.random() > SECOND:
        return gene
    late = bool(rng.random() < 0.5)
    at = int(rng.integers(0, len(gene.exons) - 2)) + (not late)
    low, high = gene.exons[at][1] + APART, gene.exons[at + 1][0] - APART
    place = int(rng.integers(low, high)) if high > low else low
    start, end = (place, len(gene.letters)) if late else (0, place)
    exons = tuple((a + start, b + start) for a, b in splice(gene.letters[start:end]))
    return replace(gene, second=Second(start, end, exons)) if len(exons) > 1 else gene


def _with_variants(gene: Gene, rng: np.random.Generator) -> Gene:
    """With one letter that makes an exon, and one that breaks a donor, if there are such."""
    makes = [(i + 4, "T") for i in _places(gene.letters, OFF)]
    breaks = [(end, "A") for _, end in gene.exons[:-1]]
    found = []
    for many in (makes, breaks):
        for place, new in rng.permutation(np.array(many, dtype=object)) if many else ():
            exons = splice(gene.letters[:place] + new + gene.letters[place + 1 :])
            if exons != gene.exons:
                found.append(Variant(int(place), gene.letters[place], str(new), exons))
                break
    return replace(gene, variants=tuple(found))


def _places(letters: str, word: str) -> list[int]:
    return [i for i in range(len(letters) - len(word) + 1) if letters.startswith(word, i)]
