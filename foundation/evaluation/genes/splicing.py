"""Splicing: how well a model tells acceptors and donors from what it is shown, beside simple models of the letters."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from foundation.data.records import Sample
from foundation.evaluation.bootstrap import Drawn
from foundation.evaluation.genes.baselines import letters_of, simple_scores, sites_in
from foundation.evaluation.genes.compared import Compared, compared
from foundation.evaluation.genes.matrices import AROUND
from foundation.evaluation.genes.sites import KINDS, SiteScores
from foundation.model.over_tokens import OverTokens
from foundation.sampling.genes.conditions import Condition, junction_table
from foundation.sampling.marginals import Stretches, in_stretches
from foundation.tokens import Tokens

STATISTICS = ("average_precision", "top")
Scores = Mapping[str, Sequence[Float[np.ndarray, "_"]]]  # kind of site -> of each row, of each place


def model_scores(
    model: OverTokens, tokens: Sequence[Tokens], condition: Condition, stretches: Stretches
) -> dict[str, list[Float[np.ndarray, "_"]]]:
    """The probability of each kind of site at all places of all rows."""
    answers = in_stretches(model, [condition.junctions(t) for t in tokens], stretches)
    tables = [junction_table(condition, t, a).numpy() for t, a in zip(tokens, answers, strict=True)]
    return {kind: [table[:, KINDS[kind]] for table in tables] for kind in AROUND}


def splicing(
    rows: Sequence[Sample], shown: Mapping[str, Scores], fitted: Sequence[Sample], reference: str
) -> dict[str, list[Compared]]:
    """For each kind of site all conditions and simple models, beside the reference.

    Args:
        rows: measured on.
        shown: name of a condition -> scores of the model.
        fitted: rows that simple models learn from; none = they are left out.
        reference: one of the conditions.
    """
    genes = [str(s.labels.get("gene", s.key)) for s in rows]
    found = {}
    for kind in AROUND:
        sites = [sites_in(s, kind) for s in rows]
        scores = {name: by_kind[kind] for name, by_kind in shown.items()}
        if fitted:
            scores |= simple_scores(fitted, [letters_of(s) for s in rows], kind)
        ways = {name: _drawn(of_each, sites, genes) for name, of_each in scores.items()}
        found[kind] = compared(ways, reference)
    return found


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
