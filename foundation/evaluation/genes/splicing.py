"""Splicing: how well a model tells acceptors, donors and whole transcripts, beside simple models of the letters."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from jaxtyping import Bool, Float, Float64

from foundation.data.biology.genes.exons import exons_of, likeliest
from foundation.data.biology.genes.layout import MARKS, gene_of
from foundation.data.biology.track import Track
from foundation.data.records import Sample
from foundation.evaluation.bootstrap import Drawn
from foundation.evaluation.genes.baselines import letters_of, simple_scores, sites_in
from foundation.evaluation.genes.compared import Compared, compared, of_mean
from foundation.evaluation.genes.matrices import AROUND
from foundation.evaluation.genes.sites import KINDS, SiteScores
from foundation.model.over_tokens import OverTokens
from foundation.sampling.genes.conditions import Condition, junction_table
from foundation.sampling.marginals import Stretches, in_stretches
from foundation.tokens import Tokens

STATISTICS = ("average_precision", "top")
Table = Float64[np.ndarray, "n kinds"]  # probability of each kind of mark at each place of a row


def tables(model: OverTokens, tokens: Sequence[Tokens], condition: Condition, stretches: Stretches) -> list[Table]:
    """What the model predicts of the junctions of all rows."""
    answers = in_stretches(model, [condition.junctions(t) for t in tokens], stretches)
    return [junction_table(condition, t, a).numpy() for t, a in zip(tokens, answers, strict=True)]


def splicing(
    rows: Sequence[Sample], shown: Mapping[str, Sequence[Table]], fitted: Sequence[Sample], reference: str
) -> dict[str, list[Compared]]:
    """For each kind of site all conditions and simple models, beside the reference; and whole transcripts.

    Args:
        rows: measured on.
        shown: name of a condition -> what the model predicts.
        fitted: rows that simple models learn from; none = they are left out.
        reference: one of the conditions.
    """
    genes = [gene_of(s) for s in rows]
    found: dict[str, list[Compared]] = {}
    for kind in AROUND:
        sites = [sites_in(s, kind) for s in rows]
        scores = {name: [table[:, KINDS[kind]] for table in own] for name, own in shown.items()}
        if fitted:
            scores |= simple_scores(fitted, [letters_of(s) for s in rows], kind)
        ways = {name: _drawn(of_each, sites, genes) for name, of_each in scores.items()}
        found[f"{kind}s"] = compared(ways, reference)
    right = {name: {"exact": _exact(rows, own, genes)} for name, own in shown.items()}
    return found | {"exons": compared(right, reference)}


def of_isoforms(
    rows: Sequence[Sample], shown: Mapping[str, Sequence[Table]], reference: str
) -> dict[str, list[Compared]]:
    """The same of transcripts whose gene has another among the rows, whose letters do not tell which of them is asked.

    Empty if there is none.
    """
    count = Counter(gene_of(s) for s in rows)
    several = [i for i, s in enumerate(rows) if count[gene_of(s)] > 1]
    if not several:
        return {}
    own = {name: [tables[i] for i in several] for name, tables in shown.items()}
    found = splicing([rows[i] for i in several], own, [], reference)
    return {f"{what} of {len(several)} transcripts of genes with several": ways for what, ways in found.items()}


def _exact(rows: Sequence[Sample], predicted: Sequence[Table], genes: Sequence[str]) -> Drawn:
    """The share of transcripts whose likeliest exons are all as annotated."""
    truth = [exons_of(cast(Track, s[MARKS]).values) for s in rows]
    right = np.array([likeliest(table) == exons for table, exons in zip(predicted, truth, strict=True)], float)
    return of_mean(right, np.ones(len(right)), genes)


def _drawn(
    scores: Sequence[Float[np.ndarray, "_"]], sites: Sequence[Bool[np.ndarray, "_"]], genes: Sequence[str]
) -> dict[str, Drawn]:
    """Statistics with draws of genes: transcripts of one gene come and go together."""
    members: dict[str, list[int]] = {}
    for i, gene in enumerate(genes):
        members.setdefault(gene, []).append(i)
    joined = [[np.concatenate([x[i] for i in own]) for own in members.values()] for x in (scores, sites)]
    found = SiteScores(*joined)
    return {statistic: found.drawn(statistic) for statistic in STATISTICS}
