"""Sequences: one alphabet, no gaps, soft-masking kept; features read as biopython reads them."""

import numpy as np
import pytest
from Bio.Data.IUPACData import ambiguous_dna_values, ambiguous_rna_complement
from Bio.Seq import Seq
from Bio.SeqFeature import CompoundLocation, SimpleLocation

from foundation.data.biology.feature import Feature, Part
from foundation.data.biology.sequence import AMBIGUOUS, Sequence, kind_of
from foundation.data.columns import decode_records, encode_records
from foundation.data.records import RecordError, Sample


def test_lower_case_is_noted_and_made_upper():
    sequence = Sequence("ACgunR", "rna")
    assert sequence.letters == "ACGUNR"
    assert sequence.soft.tolist() == [False, False, True, True, True, False]
    assert sequence.ambiguous == 2
    assert Sequence("ACGU", "rna").soft is None


@pytest.mark.parametrize(
    ("letters", "kind", "says"),
    [
        ("", "dna", "is empty"),
        ("AC-GT", "dna", "has gaps"),
        ("ACGU", "dna", "dna has no U. Give kind 'rna'"),
        ("ACGT", "rna", "rna has no T. Give kind 'dna'"),
        ("MKV1L", "protein", "'1' at place 4 is no letter of protein"),
        ("MKVé", "protein", "'é' at place 4 is no letter"),
        ("AC GT", "dna", "' ' at place 3"),
    ],
)
def test_what_is_no_sequence_is_refused(letters, kind, says):
    with pytest.raises(RecordError, match=says):
        Sequence(letters, kind, "x")


def test_a_protein_may_hold_stops_and_ambiguity():
    assert Sequence("MKV*X", "protein").letters == "MKV*X"


@pytest.mark.parametrize(
    ("letters", "kind"),
    [("ACGTNNNN", "dna"), ("acgu", "rna"), ("GGRACGTTAACC", "dna"), ("MKVLA", "protein"), ("GAVRYS", "protein")],
)  # fmt: skip
def test_unlabelled_letters_are_told_apart(letters, kind):
    assert kind_of(letters) == kind


def test_ambiguity_codes_are_those_of_iupac():
    assert {code: set(letters) for code, letters in AMBIGUOUS.items()} == {
        code: set(ambiguous_dna_values[code].replace("T", "U")) for code in AMBIGUOUS
    }


def test_features_are_read_as_biopython_reads_them():
    rng = np.random.default_rng(0)
    letters = "".join(rng.choice(list("ACGURYKMSWBDHVN"), 80))
    parts = (Part(50, 61, -1), Part(10, 23, -1), Part(3, 9, 1))
    location = CompoundLocation([SimpleLocation(*part) for part in parts])
    feature = Feature("CDS", parts)
    assert Sequence(letters, "rna").extract(feature) == str(location.extract(Seq(letters)))
    assert feature.length == len(location)
    dna = letters.replace("U", "T")
    assert Sequence(dna, "dna").extract(feature) == str(location.extract(Seq(dna)))
    assert all(
        Sequence(c, "rna").extract(Feature("x", (Part(0, 1, -1),))) == ambiguous_rna_complement[c] for c in "GUN"
    )


@pytest.mark.parametrize("part", [(0, 5, 1), (-1, 2, 1), (3, 2, 1), (0, 2, 0)])
def test_features_outside_the_sequence_are_refused(part):
    with pytest.raises(RecordError, match="Give 0 <= start"):
        Sequence("ACGU", "rna", features=(Feature("gene", (Part(*part),)),))


def test_strands_are_transcribed_and_back():
    dna = Sequence("ACGTN", "dna", "x")
    assert dna.transcribed("rna").letters == "ACGUN"
    assert dna.transcribed("rna").transcribed("dna").letters == dna.letters
    with pytest.raises(RecordError, match="has no rna strand"):
        Sequence("MKV", "protein").transcribed("rna")


def test_sequences_survive_the_way_to_shards_and_back():
    feature = Feature("CDS", (Part(0, 3, 1), Part(5, 8, -1)), "gene", 2, 11, "MK", (True, False))
    kept = Sequence("ACGTacgtN", "dna", "x", "a title", np.arange(9), features=(feature,))
    plain = Sequence("ACG", "dna")
    samples = [Sample("a", {"dna": kept}), Sample("b", {"dna": plain})]
    first, second = (s["dna"] for s in decode_records(*encode_records(samples)))
    assert (first.letters, first.kind, first.name, first.description) == (kept.letters, "dna", "x", "a title")
    assert first.features == (feature,)
    assert first.quality.tolist() == list(range(9))
    assert first.soft.tolist() == kept.soft.tolist()
    assert (second.letters, second.quality, second.soft) == ("ACG", None, None)
