"""Clusters: nothing held out resembles anything trained on, by a plain count of shared words."""

import numpy as np
import pytest

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.similarity import held_out, protein_clusters, read_clusters
from foundation.errors import FoundationError


def words(sequence):
    return {sequence[i : i + 4] for i in range(len(sequence) - 3)}


def alike(one, other):
    return len(words(one) & words(other)) / len(words(one) | words(other))


def families(rng, count, each, length, identity):
    """Families of sequences that keep this fraction of their ancestor's residues."""
    for _ in range(count):
        ancestor = rng.choice(list(AMINO_ACIDS), length)
        for _ in range(each):
            keeps = rng.random(length) < identity
            yield "".join(np.where(keeps, ancestor, rng.choice(list(AMINO_ACIDS), length)))


def test_no_two_sequences_of_different_clusters_are_alike():
    sequences = list(families(np.random.default_rng(0), 12, 5, 120, 0.7))
    clusters = protein_clusters(sequences)
    for i, one in enumerate(sequences):
        for j, other in enumerate(sequences[:i]):
            if clusters[i] != clusters[j]:
                assert alike(one, other) < 0.05


def test_families_are_found_whatever_the_order():
    sequences = list(families(np.random.default_rng(1), 8, 4, 200, 0.8))
    clusters = protein_clusters(sequences)
    assert clusters.tolist() == np.repeat(np.arange(8), 4).tolist()
    order = np.random.default_rng(2).permutation(len(sequences))
    shuffled = protein_clusters([sequences[i] for i in order])
    assert len(set(zip(shuffled.tolist(), clusters[order].tolist(), strict=True))) == 8


def test_short_and_equal_sequences_have_a_cluster():
    assert protein_clusters(["MK", "MKV", "MK", "XXXXX", "MKV"]).tolist() == [0, 1, 0, 2, 1]


@pytest.mark.parametrize("fraction", [0.01, 0.05, 0.5, 0.99])
def test_clusters_are_held_out_whole(fraction):
    clusters = np.random.default_rng(0).integers(0, 40, 300)
    clusters = np.unique(clusters, return_inverse=True)[1]
    out = held_out(clusters, fraction, 33)
    assert set(clusters[out]).isdisjoint(clusters[~out])
    assert len(set(clusters[out])) == min(max(round(fraction * 40), 1), 39)
    assert np.array_equal(out, held_out(clusters, fraction, 33))


def test_clusters_come_from_a_table(tmp_path):
    (tmp_path / "c.csv").write_text("id,cluster\n1abc:A,x\n1abc:B,y\n2xyz:A,x\n")
    assert read_clusters(tmp_path / "c.csv", ["2xyz:A", "1abc:B", "1abc:A"]).tolist() == [0, 1, 0]
    with pytest.raises(FoundationError, match="has no cluster of 3aaa:A, nor of 0 others"):
        read_clusters(tmp_path / "c.csv", ["3aaa:A"])
    (tmp_path / "d.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FoundationError, match="no table with the columns id and cluster"):
        read_clusters(tmp_path / "d.csv", [])


def test_what_cannot_be_split_is_refused():
    with pytest.raises(FoundationError, match="1 protein clusters to hold out"):
        held_out(np.zeros(5, np.int64), 0.1, 0)
    with pytest.raises(FoundationError, match="Give more than 0"):
        protein_clusters(["MKV"], similar=0.0)
