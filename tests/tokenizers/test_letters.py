"""Letters: fixed codes, every letter kept."""

import pytest

from foundation.data.biology.sequence import LETTERS
from foundation.data.records import Sequence
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.letters import ALPHABETS, LettersConfig, LettersTokenizer


def tokenizer(kind="rna", **options):
    return LettersTokenizer(LettersConfig(kind, **options), kind)


@pytest.mark.parametrize("kind", ["rna", "dna", "protein"])
def test_every_letter_has_a_code_and_comes_back(kind):
    sequence = Sequence(LETTERS[kind], kind)
    tokens = tokenizer(kind).encode([sequence])[0]
    assert sorted(tokens.ids.tolist()) == list(range(tokenizer(kind).space.size))
    assert tokenizer(kind).decode([tokens])[0].letters == sequence.letters
    assert tokens.position[:, 0].tolist() == list(range(len(sequence)))


def test_nucleotides_have_the_codes_of_the_anchored_model():
    assert tokenizer().encode([Sequence("ACGU", "rna")])[0].ids.tolist() == [0, 1, 2, 3]
    assert tokenizer().encode([Sequence("ACGTN", "dna")])[0].ids.tolist()[:4] == [0, 1, 2, 3]
    assert tokenizer("dna").decode(tokenizer().encode([Sequence("GUN", "rna")]))[0].letters == "GTN"


def test_the_unknown_residue_comes_after_the_twenty():
    assert ALPHABETS["protein"].index("X") == 20
    assert tokenizer("protein").encode([Sequence("AX*", "protein")])[0].ids.tolist() == [0, 20, 26]


@pytest.mark.parametrize(
    ("kind", "sequence", "says"),
    [
        ("rna", Sequence("MKV", "protein"), "takes 'rna'"),
        ("protein", Sequence("ACG", "rna"), "takes 'protein'"),
        ("rna", Sequence("A" * 11, "rna"), "11 letters, 10 at most"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(kind, sequence, says):
    with pytest.raises(TokenizerError, match=says):
        tokenizer(kind, longest=10).encode([sequence])


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(TokenizerError, match="0 at most"):
        LettersConfig(longest=0)
