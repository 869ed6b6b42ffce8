"""Tokenizers of aligned tracks: MIMIC's codes, bins that hold even shares, and groups that are aligned."""

import numpy as np
import pytest
import torch

from foundation.__main__ import main
from foundation.data.biology.track import Track
from foundation.data.records import Sample, Sequence
from foundation.data.shards import write_records
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.track_bins import DigitiserConfig, DigitiserTokenizer
from foundation.tokenizers.track_symbols import SymbolsConfig, SymbolsTokenizer
from foundation.tokenizers.tracks import SYMBOLS

SIZES = {  # of the released vocabularies, specials included
    "rna_seq": 7, "aa_seq": 27, "dssp": 12, "splice_regions": 5, "cds": 5, "utr": 5, "splice_junctions": 6,
    "cds_junctions": 6, "splice_jctns_5cls": 8, "atac": 15, "rna_codons": 67, "is_coding": 5, "feature_type": 10,
    "kingdom": 14,
}  # fmt: skip


def ids(name, record):
    [tokens] = SymbolsTokenizer(SYMBOLS[name], name).encode([record])
    return tokens.ids.tolist()


def test_spaces_have_the_released_sizes():
    assert {name: SymbolsTokenizer(config, name).space.size for name, config in SYMBOLS.items()} == SIZES


def test_codes_are_the_released_ones():
    assert ids("rna_seq", Sequence("ACGUNacgu", "rna")) == [0, 1, 2, 3, 6, 0, 1, 2, 3]
    assert ids("rna_seq", Sequence("ACGTR", "dna")) == [0, 1, 2, 3, 6]
    assert ids("aa_seq", Sequence("ABMXJZ*", "protein")) == [0, 1, 11, 26, 26, 23, 26]
    assert ids("rna_codons", Sequence("AAAAACUUUANA", "rna")) == [0, 1, 63, 66]
    assert ids("dssp", Track(np.array([0, 1, -1]), ("H", "E"))) == [4, 2, 11]
    peaks = Track(np.array([0, 1, 2, -1]), ("N", "1", "X"))
    assert ids("atac", peaks) == [10, 1, 11, 14]
    assert ids("splice_jctns_5cls", Track(np.arange(5), ("none", "acceptor", "donor", "start", "end"))) == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert ids("feature_type", Track(np.array([0]), ("tRNA",))) == [6]


def test_special_codes_are_decoded_as_not_known():
    for name, blank in (("rna_seq", "N"), ("aa_seq", "X"), ("rna_codons", "NNN")):
        tokenizer = SymbolsTokenizer(SYMBOLS[name], name)
        [tokens] = tokenizer.encode([Sequence("AAA" * 3, "protein" if name == "aa_seq" else "rna")])
        tokens = tokens.select(torch.arange(3))
        tokens.ids[:] = torch.arange(tokenizer.space.size - 3, tokenizer.space.size)
        assert tokenizer.decode([tokens])[0].letters == 3 * blank


@pytest.mark.parametrize(
    ("name", "record", "says"),
    [
        ("rna_codons", Sequence("ACGU", "rna"), "4 letters, symbols have 3"),
        ("dssp", Track(np.array([0]), ("Q",)), "'Q' is none of B, C"),
        ("cds", Track(np.array([0.5])), "takes a Track of categories"),
        ("cds", Track(np.zeros(200_000, int), ("no", "yes")), "200000 places, 100000 at most"),
    ],
)
def test_what_does_not_fit_is_refused(name, record, says):
    with pytest.raises(TokenizerError, match=says):
        ids(name, record)


def test_symbols_of_different_lengths_are_refused():
    with pytest.raises(TokenizerError, match=r"lengths \[1, 2\]"):
        SymbolsConfig(("A", "CC"), "rna")


def digitiser(values, bins):
    return DigitiserTokenizer(DigitiserConfig(bins), "phylop").fit([values])


def test_bins_hold_even_shares_and_decode_to_their_means():
    values = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    tokenizer = digitiser(values, 20)
    [tokens] = tokenizer.encode([Track(values)])
    codes = tokens.ids.numpy()
    assert np.bincount(codes).tolist() == [500] * 20
    [back] = tokenizer.decode([tokens])
    for code in range(20):
        assert back.values[codes == code][0] == pytest.approx(values[codes == code].astype(np.float64).mean(), abs=1e-6)


def test_a_value_that_most_places_share_has_a_bin_of_its_own():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(20_000) < 0.95, 0, rng.lognormal(size=20_000)).astype(np.float32)
    [tokens] = digitiser(values, 10).encode([Track(values)])
    codes = tokens.ids.numpy()
    assert set(codes[values == 0]) == {0}
    shares = np.bincount(codes, minlength=10)[1:] / (codes > 0).sum()
    np.testing.assert_allclose(shares, 1 / 9, atol=0.01)


def test_as_many_bins_as_values_tell_them_all_apart():
    values = np.array([3, 1, 2, 2, 2, 2, 9, 9], np.float32)
    tokenizer = digitiser(values, 4)
    [back] = tokenizer.decode(tokenizer.encode([Track(values)]))
    np.testing.assert_array_equal(back.values, values)
    with pytest.raises(TokenizerError, match="5 bins of 4 different values"):
        digitiser(values, 5)


def test_missing_and_foreign_values_are_unknown_and_both_ends_are_not():
    tokenizer = digitiser(np.linspace(-1, 1, 101), 4)
    [tokens] = tokenizer.encode([Track(np.array([-1, 1, np.nan, 1.01, -1.01]))])
    assert tokens.ids.tolist() == [0, 3, 6, 6, 6]
    assert np.isnan(tokenizer.decode([tokens])[0].values).tolist() == [False, False, True, True, True]


def test_the_expected_value_is_the_mean_over_bins():
    tokenizer = digitiser(np.array([0.0, 1.0, 10.0]), 3)
    probability = torch.tensor([[0.5, 0, 0.25, 0, 0, 0.25], [0, 1, 0, 0, 0, 0]])
    np.testing.assert_allclose(tokenizer.expected(probability), [10 / 3, 1])


def test_bins_in_another_unit_and_unfitted_bins_are_refused():
    with pytest.raises(TokenizerError, match="numbers in 'log2'"):
        digitiser(np.arange(9.0), 3).encode([Track(np.ones(2), unit="log2")])
    with pytest.raises(TokenizerError, match="not fitted"):
        DigitiserTokenizer(DigitiserConfig(3), "x").encode([Track(np.ones(2))])


def test_the_command_makes_a_tokenizer_of_every_modality_in_its_track(tmp_path, capsys):
    rng = np.random.default_rng(0)

    def sample(i):
        n, m = int(rng.integers(30, 60)), int(rng.integers(5, 20))
        records = {
            "rna_seq": Sequence("".join(rng.choice(list("ACGU"), n)), "rna"),
            "aa_seq": Sequence("".join(rng.choice(list("ACDE"), m)), "protein"),
            "cds": Track(rng.integers(0, 2, n), ("no", "yes")),
            "phylop": Track(rng.normal(size=n)),
            "sasa": Track(np.round(rng.random(m))),
            "tissue": Track(rng.integers(0, 2, 1), ("liver", "brain")),
        }
        return Sample(str(i), records)

    samples = [sample(i) for i in range(20)]
    write_records(samples, tmp_path / "records")
    assert main(["tokenize", "tracks", str(tmp_path / "records"), "--out", str(tmp_path / "t"), "--bins", "8"]) == 0
    assert "sasa: digitiser, 5 codes, track 0" in capsys.readouterr().out
    bundle = TokenizerBundle.from_pretrained(tmp_path / "t")
    for one, tokens in zip(samples, bundle.encode(samples), strict=True):
        tracks = {name: set(tokens.track[tokens.of(name)].tolist()) for name in tokens.names()}
        assert tracks == {"rna_seq": {1}, "cds": {1}, "phylop": {1}, "aa_seq": {0}, "sasa": {0}, "tissue": {10}}
        for name, record in one.items():
            assert tokens.position[tokens.of(name), 0].tolist() == list(range(len(record)))
        assert bundle.decode(tokens)["rna_seq"].letters == one["rna_seq"].letters
