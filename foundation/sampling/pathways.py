"""Pathways: which space is predicted from which, and the refusal of those a model was not trained for."""

from jaxtyping import Int
from torch import Tensor

from foundation.errors import FoundationError
from foundation.masking.policy import NOTHING
from foundation.tokens import Tokens

Pathways = frozenset[tuple[str, str]]


def completion_pathways(given: Tokens, asked: Tokens, steps: int) -> Pathways:
    """What is predicted from what when the asked tokens come in any order over so many steps."""
    targets = asked.names()
    pairs = {(g, a) for g in given.names() or (NOTHING,) for a in targets}
    if min(steps, len(asked)) > 1:
        pairs |= {(b, a) for b in targets for a in targets if a != b or len(asked.of(a)) > 1}
    return frozenset(pairs)


def reveal_pathways(tokens: Tokens, reveal: Int[Tensor, "L"]) -> Pathways:
    """What is predicted from what when tokens come by their reveal steps."""
    names = [s.name for s in tokens.spaces]
    steps = {names[s]: reveal[(tokens.space == s) & (reveal >= 0)] for s in tokens.space.unique().tolist()}
    steps = {name: r for name, r in steps.items() if len(r)}
    first = min((int(r.min()) for r in steps.values()), default=0)
    before = {(g, a) for g, known in steps.items() for a, asked in steps.items() if known.min() < asked.max()}
    return frozenset(before | {(NOTHING, a) for a, asked in steps.items() if first > 0 and asked.min() == first})


def check_trained(wanted: Pathways, trained: Pathways) -> None:
    """Refuse what was not trained.

    Raises:
        FoundationError: naming one pathway that was not, and those to the same space that were.
    """
    if wanted <= trained:
        return
    given, asked = min(wanted - trained)
    sources = sorted(g or "nothing" for g, a in trained if a == asked)
    raise FoundationError(
        f"The model was not trained to predict {asked} from {given or 'nothing'}, only from "
        f"{', '.join(sources) or 'no space at all'}. "
        "Give those, use one step, or allow untrained pathways (allow_untrained=True)."
    )
