"""Spliceosome: the exons of a simulated transcript, from its letters and ends alone; the truth also of edited letters.

Of all chains of exons between the ends the best is taken: donors and acceptors are paired across exons (exon
definition), so a good site without a partner at the right distance is not used.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from foundation.data.simulate.genes import motifs

Exons = tuple[tuple[int, int], ...]
LEAST_SCORE = 2.5  # of a site that is considered at all
SHORTEST_INTRON = 60
SHORTEST_END = 15  # of the first and the last exon
SHORTEST, LONGEST, USUAL = 25, 400, 110  # letters of an exon between two introns
NARROW = 1.5  # what an exon e times longer or shorter than usual loses
COST, FIRST_COST, LAST_COST = 18.0, 8.0, 11.0  # of an exon, of the first and of the last
NEAR = 120  # letters of the first and last exon in which words count


class Chain(NamedTuple):
    """A score, and the introns it comes from, the last first."""

    score: float
    introns: tuple[tuple[int, int], ...]


class Sites(NamedTuple):
    """Scores at every place of a transcript."""

    donor: Float64[np.ndarray, "n"]
    acceptor: Float64[np.ndarray, "n"]
    exonic: Float64[np.ndarray, "n + 1"]

    @classmethod
    def of(cls, letters: str) -> "Sites":
        """Of DNA letters A, C, G, T in reading order."""
        codes = motifs.codes_of(letters)
        return cls(motifs.donors(codes), motifs.acceptors(codes), motifs.exonic(letters))

    def words(self, start: int, end: int) -> float:
        """What the words within an exon add."""
        return float(self.exonic[max(end - motifs.WORD + 1, start)] - self.exonic[start])


def splice(letters: str) -> Exons:
    """The exons of a transcript that begins and ends with these letters, as (start, end) counted from 0; pure."""
    sites, n = Sites.of(letters), len(letters)
    donors, acceptors = (np.flatnonzero(s > LEAST_SCORE).tolist() for s in (sites.donor, sites.acceptor))
    ended: dict[int, Chain] = {}  # by donor
    begun: dict[int, Chain] = {}  # by acceptor
    for place in sorted({*donors, *acceptors}):
        if sites.donor[place] > LEAST_SCORE and (chain := _ended(place, sites, begun)):
            ended[place] = chain
        if sites.acceptor[place] > LEAST_SCORE and (chain := _begun(place, sites, ended)):
            begun[place] = chain
    whole = [Chain(0.0, ())]
    for start, chain in begun.items():
        if n - start >= SHORTEST_END:
            whole.append(chain._replace(score=chain.score + sites.words(start, min(n, start + NEAR)) - LAST_COST))
    introns = max(whole, key=lambda chain: chain.score).introns[::-1]
    edges = [0, *(place for intron in introns for place in intron), n]
    return tuple(zip(edges[::2], edges[1::2], strict=True))


def _ended(donor: int, sites: Sites, begun: dict[int, Chain]) -> Chain | None:
    """The best chain whose last exon ends at a donor."""
    found = []
    if donor >= SHORTEST_END:
        found.append(Chain(sites.words(max(donor - NEAR, 0), donor) - FIRST_COST, ()))
    for start, chain in begun.items():
        if SHORTEST <= donor - start <= LONGEST:
            length = NARROW * float(np.log((donor - start) / USUAL)) ** 2
            found.append(chain._replace(score=chain.score + sites.words(start, donor) - length - COST))
    best = max(found, key=lambda chain: chain.score, default=None)
    return best and best._replace(score=best.score + float(sites.donor[donor]))


def _begun(acceptor: int, sites: Sites, ended: dict[int, Chain]) -> Chain | None:
    """The best chain whose next exon begins at an acceptor."""
    far = [(chain.score, donor) for donor, chain in ended.items() if acceptor - donor >= SHORTEST_INTRON]
    if not far:
        return None
    score, donor = max(far)
    return Chain(score + float(sites.acceptor[acceptor]), ((donor, acceptor), *ended[donor].introns))
