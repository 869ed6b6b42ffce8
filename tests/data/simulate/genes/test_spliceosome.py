"""The spliceosome: hand-made sites, context that decides, and the best chain by trying them all."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from foundation.data.simulate.genes import motifs, spliceosome
from foundation.data.simulate.genes.spliceosome import Sites, splice

EXON = "GAAGACCATCGCAACATCGCCATTGACCACATCGAAGACACCACATCCCAAATCCAG"
INTRON = "GTAAGT" + "CTACCTATTAGGGGCTACCT" + "CTACCTATTA" * 7 + "CTAAC" + "TCTTCTTTCTCTTTCTTCTCTTC" + "TCAG"


def test_an_exon_with_good_sites_is_found():
    letters = EXON + INTRON + EXON + INTRON + EXON
    n, m = len(EXON), len(INTRON)
    assert splice(letters) == ((0, n), (n + m, 2 * n + m), (2 * n + 2 * m, 3 * n + 2 * m))


@pytest.mark.parametrize("place", [len(EXON), len(EXON) + 1, len(EXON + INTRON) - 2, len(EXON + INTRON) - 1])
def test_a_broken_site_is_not_used(place):
    letters = EXON + INTRON + EXON
    broken = letters[:place] + "C" + letters[place + 1 :]
    begin, end = len(EXON), len(EXON + INTRON)
    assert splice(letters) == ((0, begin), (end, len(letters)))
    used = {p for exon in splice(broken) for p in exon}
    assert (begin if place < begin + 2 else end) not in used  # what is used instead is another site, or none


def test_context_decides_where_single_letters_do_not():
    run = "CATTACATTACGGGGCATTA"
    donor = motifs.donors(motifs.codes_of(run.join(["CAAGTAAAT", "CAGGTAAAT", "CAAGTAAGT", "CAGGTAAAT"])))
    assert donor[3] < donor[32] - 3  # neither of the two G
    assert donor[61] > donor[3] + 3
    assert donor[90] == pytest.approx(donor[32] + motifs.NO_RUN)
    before = "CTACCTATTA" * 3
    tract = "TCTTCTTTCTCTTTCTTCTCTTCTCAG"
    plain, no_branch = before + "CTAAC" + tract, before + "CTCCC" + tract
    second = before + "CTAAC" + tract[:12] + "AG" + tract[14:]
    score = [motifs.acceptors(motifs.codes_of(text + "G"))[len(text)] for text in (plain, no_branch, second)]
    assert score[0] > score[1] + 3
    assert score[0] > score[2] + 5


def test_words_of_an_exon_are_counted():
    letters = "CCGAAGACCTAGGGCC"
    sites = Sites.of(letters)
    assert sites.words(0, 16) == pytest.approx(0)
    assert sites.words(0, 9) == pytest.approx(motifs.WORTH)
    assert sites.words(3, 16) == pytest.approx(-motifs.WORTH)


def chain_score(sites, introns, n):
    """The score of a chain of introns, written down from the rules; None where one is broken."""
    edges = [0, *[p for intron in introns for p in intron], n]
    exons = list(zip(edges[::2], edges[1::2], strict=True))
    if any(b - a < spliceosome.SHORTEST_INTRON for a, b in introns):
        return None
    total = -spliceosome.FIRST_COST - spliceosome.LAST_COST
    for i, (a, b) in enumerate(exons):
        first, last = i == 0, i == len(exons) - 1
        if first or last:
            if b - a < spliceosome.SHORTEST_END:
                return None
            total += sites.words(max(b - spliceosome.NEAR, 0), b) if first else sites.words(a, min(a + 120, b))
            continue
        if not spliceosome.SHORTEST <= b - a <= spliceosome.LONGEST:
            return None
        total += sites.words(a, b) - spliceosome.COST - spliceosome.NARROW * np.log((b - a) / spliceosome.USUAL) ** 2
    return total + sum(sites.donor[a] + sites.acceptor[b] for a, b in introns)


@pytest.mark.parametrize("seed", range(6))
def test_the_chain_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    letters = "".join(rng.choice(list("ACGT"), 300)) + INTRON + "".join(rng.choice(list("ACGT"), 150))
    sites, n = Sites.of(letters), len(letters)
    donors, acceptors = (np.flatnonzero(s > spliceosome.LEAST_SCORE) for s in (sites.donor, sites.acceptor))
    introns = [(int(a), int(b)) for a in donors for b in acceptors if b > a]
    best, chosen = 0.0, ()
    for count in (1, 2, 3):
        for chain in combinations(introns, count):
            if all(one[1] < two[0] for one, two in pairwise(chain)):
                score = chain_score(sites, chain, n)
                if score is not None and score > best:
                    best, chosen = score, chain
    edges = [0, *[p for intron in chosen for p in intron], n]
    assert splice(letters) == tuple(zip(edges[::2], edges[1::2], strict=True))
