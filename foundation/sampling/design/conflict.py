"""Conflict: refuses constraints that no sequence fulfils, and names the fewest that cannot hold together."""

from collections.abc import Sequence

from foundation.errors import FoundationError
from foundation.sampling.design.constraints import Constraints
from foundation.sampling.design.lookahead import Lookahead

ANY_LENGTH = 200  # letters that sequences may have while the length is not among the constraints that are tried


def check_satisfiable(constraints: Constraints) -> None:
    """Pass if some sequence fulfils all constraints.

    Raises:
        FoundationError: none does; the message names a set of constraints that conflict, none of which could be left
            out of it.
    """
    if _possible(constraints):
        return
    length = [f"length {constraints.lengths[0]}-{constraints.lengths[1]}"] if not constraints.template else []
    clauses = [c for c in constraints.clauses if not c.startswith("length")] + length
    for clause in list(clauses):
        fewer = [c for c in clauses if c != clause]
        if not _possible(_of(fewer, constraints)):
            clauses = fewer
    raise FoundationError(
        f"No sequence fulfils {'this constraint' if len(clauses) == 1 else 'these constraints together'}: "
        f"{'; '.join(clauses)}. Remove or relax {'it' if len(clauses) == 1 else 'one of them'}."
    )


def _of(clauses: Sequence[str], whole: Constraints) -> Constraints:
    fixed = any(c.startswith(("template", "length")) for c in clauses)
    return Constraints.parse(
        "; ".join([*clauses, *([] if fixed else [f"length 1-{max(ANY_LENGTH, whole.lengths[1])}"])])
    )


def _possible(constraints: Constraints) -> bool:
    ahead = Lookahead.of(constraints, known=False)
    return bool(ahead.right[0, 0, ahead.automaton.start])
