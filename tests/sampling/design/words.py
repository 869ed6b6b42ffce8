"""An independent reading of constraints, by regular expressions on whole strings, and random sets of them."""

import re
from itertools import product

from Bio.Data.IUPACData import ambiguous_rna_values


def pattern(motif):
    return "".join(f"[{ambiguous_rna_values[c]}]" for c in motif)


def fulfils(word, *, template="", require=(), forbid=(), gc=None, length=None, max_homopolymer=0):
    """Whether a word fulfils constraints given in the words of `Constraints`."""
    if template and not re.fullmatch(pattern(template), word):
        return False
    if not template and not (length or (10, 50))[0] <= len(word) <= (length or (10, 50))[1]:
        return False
    if gc and not gc[0] * len(word) - 1e-9 <= word.count("G") + word.count("C") <= gc[1] * len(word) + 1e-9:
        return False
    if max_homopolymer and re.search(rf"(.)\1{{{max_homopolymer}}}", word):
        return False
    if any(re.search(pattern(m), word) for m in forbid):
        return False
    return all(occurs(m, word) for m in require)


def occurs(motif, word):
    letters, _, window = motif.partition("@")
    first, last = map(int, window.split("-")) if window else (1, len(word))
    return bool(re.search(pattern(letters.strip()), word[first - 1 : last]))


def words(shortest, longest):
    return ["".join(w) for n in range(shortest, longest + 1) for w in product("ACGU", repeat=n)]


def random_constraints(rng, lengths, motif_letters):
    """Options of `Constraints`: each part there or not, by chance."""

    def motif(alphabet, longest):
        return "".join(rng.choice(list(alphabet), rng.integers(2, longest + 1)))

    options = {"length": lengths}
    if rng.random() < 0.3:
        options["template"] = "".join(rng.choice(list("NNNNRYACG"), rng.integers(lengths[0], lengths[1] + 1)))
        del options["length"]
    required = [motif("ACGURYN", motif_letters) for _ in range(rng.integers(0, 3))]
    if required and rng.random() < 0.5:
        first = int(rng.integers(1, max(2, lengths[1] // 2)))
        required[0] += f" @ {first}-{first + len(required[0]) + int(rng.integers(0, lengths[1]))}"
    options["require"] = tuple(required)
    options["forbid"] = tuple(motif("ACGURYSW", motif_letters) for _ in range(rng.integers(0, 3)))
    if rng.random() < 0.6:
        low = float(rng.uniform(0, 0.6))
        options["gc"] = (low, min(1.0, low + float(rng.uniform(0.1, 0.4))))
    if rng.random() < 0.6:
        options["max_homopolymer"] = int(rng.integers(1, 4))
    return options
