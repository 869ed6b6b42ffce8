"""Codons: every codon has its code; translation is biopython's in every genetic code."""

import numpy as np
import pytest
from Bio.Data.CodonTable import unambiguous_dna_by_id
from Bio.Seq import Seq

from foundation.data.records import Sequence
from foundation.errors import FoundationError
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.codons import CODONS, ONE, TWO, UNCERTAIN, CodonsConfig, CodonsTokenizer


def tokenizer(**options):
    return CodonsTokenizer(CodonsConfig(**options), "codons")


def test_codons_are_numbered_in_alphabetical_order():
    assert list(CODONS) == sorted(CODONS)
    tokens = tokenizer().encode([Sequence("".join(CODONS), "rna")])[0]
    assert tokens.ids.tolist() == list(range(64))
    assert tokens.position[:, 0].tolist() == list(range(0, 192, 3))


@pytest.mark.parametrize("kind", ["rna", "dna"])
def test_certain_codons_come_back_and_the_rest_keeps_its_length(kind):
    letters = "ACGUUANAAGC" if kind == "rna" else "ACGTTANAAGC"
    tokens = tokenizer(kind=kind).encode([Sequence(letters, kind)])[0]
    assert tokens.ids.tolist()[2:] == [UNCERTAIN, TWO]
    assert tokenizer(kind=kind).decode([tokens])[0].letters == letters[:6] + "NNN" + "NN"
    assert tokenizer().encode([Sequence("ACGU", "rna")])[0].ids.tolist()[-1] == ONE


@pytest.mark.filterwarnings("ignore:This table contains")
@pytest.mark.parametrize("table", sorted(unambiguous_dna_by_id))
def test_translation_is_biopythons_in_every_genetic_code(table):
    letters = "".join(np.random.default_rng(table).permutation(CODONS))
    one = tokenizer(table=table)
    assert one.translate(one.encode([Sequence(letters, "rna")]))[0].letters == str(Seq(letters).translate(table))


def test_uncertain_codons_are_x_and_a_rest_is_left_out():
    one = tokenizer()
    assert one.translate(one.encode([Sequence("AUGRRRUAAGC", "rna")]))[0].letters == "MX*"


def test_what_cannot_be_translated_is_refused():
    with pytest.raises(FoundationError, match="genetic code 7 is unknown"):
        one = tokenizer(table=7)
        one.translate(one.encode([Sequence("AUG", "rna")]))
    with pytest.raises(TokenizerError, match="without one whole codon"):
        tokenizer().translate(tokenizer().encode([Sequence("AU", "rna")]))
    with pytest.raises(TokenizerError, match="takes 'rna'"):
        tokenizer().encode([Sequence("MKV", "protein")])
    with pytest.raises(TokenizerError, match="Give 'rna' or 'dna'"):
        CodonsConfig(kind="protein")
