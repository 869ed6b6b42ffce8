"""Structure tokens: equal however a molecule lies, counted where atoms are missing, and back to a chain."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from foundation.data.formats.structure import read_structure
from foundation.data.records import Sample
from foundation.data.shards import write_records
from foundation.data.simulate.proteins.command import simulated
from foundation.errors import FoundationError
from foundation.tokenizers.assembly import assembled, laid_on
from foundation.tokenizers.autoencoder import CodecTraining
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.catalog import load_tokenizer
from foundation.tokenizers.neighbourhood import ATOMS, CROWD, FAR, neighbourhoods
from foundation.tokenizers.structure import StructureConfig, StructureTokenizer
from foundation.tokenizers.structure_quality import lddt, measures, rmsd, rmsd_of_stretches
from foundation.tokenizers.train import train

SMALL = StructureConfig(
    nearest=10, levels=(8, 5, 5), width=32, heads=2, decoder_width=64, decoder_depth=2, piece=32, window=3
)


@pytest.fixture(scope="module")
def proteins():
    return [one.structure for one in simulated(4, 30, 50)]


@pytest.fixture(scope="module")
def tokenizer(proteins):
    """Weights by chance, normalised as if trained on the proteins, so that many codes occur."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        made = StructureTokenizer(SMALL)
    made._quantizer.normal.momentum = 1.0
    made.reconstruct(made.prepare(proteins))
    return made.eval()


def turned(structure, seed=0):
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation[:, 0] *= np.linalg.det(rotation)
    shift = rng.normal(0, 50, 3)
    return replace(structure, coordinates=structure.coordinates.astype(np.float64) @ rotation.T + shift)


def mirrored(structure):
    return replace(structure, coordinates=structure.coordinates * np.array([1, 1, -1]))


def test_codes_do_not_change_when_a_molecule_is_turned_and_shifted(tokenizer, proteins):
    for number, structure in enumerate(proteins):
        before, after = (tokenizer.encode([s])[0].ids for s in (structure, turned(structure, number)))
        assert (before == after).float().mean() >= 0.98  # but where rounding lies between two codes
        assert len(before.unique()) > 3
        a, b = (neighbourhoods(s, s.chains[0], 10, 3) for s in (structure, turned(structure, number)))
        np.testing.assert_allclose(a.target, b.target, atol=2e-4)
    assert (tokenizer.encode([mirrored(structure)])[0].ids != before).float().mean() > 0.2, "hands are told apart"


def test_side_chains_and_names_of_residues_change_nothing(tokenizer, proteins):
    structure = proteins[0]
    other = replace(structure, letters="A" * len(structure), residue_name=np.array(["ALA"] * len(structure)))
    moved = other.coordinates.copy()
    moved[np.char.startswith(structure.atom_name.view("S6").ravel(), b"CB")] += 3
    assert torch.equal(
        tokenizer.encode([structure])[0].ids, tokenizer.encode([replace(other, coordinates=moved)])[0].ids
    )


def test_what_is_far_from_a_residue_does_not_change_its_code(tokenizer, proteins):
    structure = proteins[1]
    n = neighbourhoods(structure, structure.chains[0], SMALL.nearest, SMALL.window)
    last = len(structure) - 1
    unseen = [i for i in range(len(structure)) if last - i not in (n.step[i] - FAR).tolist()]
    assert unseen
    moved = structure.coordinates.copy()
    moved[structure.residue_of_atom == last] += 1.0
    before, after = (tokenizer.encode([s])[0].ids for s in (structure, replace(structure, coordinates=moved)))
    still = [i for i in unseen if last - i not in _steps(replace(structure, coordinates=moved), i)]
    assert torch.equal(before[still], after[still])


def _steps(structure, i):
    n = neighbourhoods(structure, structure.chains[0], SMALL.nearest, SMALL.window)
    return (n.step[i] - FAR).tolist()


def test_residues_without_a_whole_backbone_have_the_last_code_and_are_left_out_again(tokenizer, bio_data):
    structure = read_structure(bio_data / "structure" / "2q2k.cif").select("A")
    [tokens] = tokenizer.encode([structure])
    known = structure.label - 1
    assert len(tokens) == len(structure.expected[0]) == 70
    assert torch.nonzero(tokens.ids != tokenizer.space.size - 1)[:, 0].tolist() == known.tolist()
    [back] = tokenizer.decode([tokens])
    assert (back.label - 1).tolist() == known.tolist()
    atoms = structure.atom_name.copy()
    atoms[structure.atom_start[5]] = atoms[structure.atom_start[5] + 1]  # the N of a residue is called CA
    lacking = tokenizer.encode([replace(structure, atom_name=atoms)])[0].ids
    assert torch.nonzero((lacking == tokenizer.space.size - 1) & (tokens.ids < lacking.max()))[:, 0].tolist() == [
        int(known[5])
    ]


def test_tokens_of_nothing_several_proteins_and_long_ones_are_refused(tokenizer, bio_data, proteins):
    with pytest.raises(FoundationError, match="has 2 proteins"):
        tokenizer.encode([read_structure(bio_data / "structure" / "2q2k.cif")])
    short = StructureTokenizer(replace(SMALL, longest=20))
    with pytest.raises(TokenizerError, match="20 at most"):
        short.encode([proteins[0]])
    [tokens] = tokenizer.encode([proteins[0]])
    tokens.ids[:] = tokenizer.space.size - 1
    with pytest.raises(TokenizerError, match="none of"):
        tokenizer.decode([tokens])
    with pytest.raises(TokenizerError, match="multiple of the heads"):
        StructureConfig(width=30, heads=4)


def test_neighbours_are_the_nearest_and_targets_are_the_atoms_around(proteins):
    structure = proteins[2]
    n = neighbourhoods(structure, structure.chains[0], 6, 2)
    backbone = structure.backbone[0].astype(float)
    for i in (0, 7, len(backbone) - 1):
        apart = np.linalg.norm(backbone[:, 1] - backbone[i, 1], axis=1)
        assert (n.step[i] - FAR + i).tolist() == np.argsort(apart)[:6].tolist()
        np.testing.assert_allclose(np.linalg.norm(n.relative[i, :, :3], axis=1) * 10, np.sort(apart)[:6], atol=1e-4)
        around = n.target[i, :-CROWD].reshape(5, ATOMS, 3)
        for offset in range(-2, 3):
            inside = 0 <= i + offset < len(backbone)
            assert (n.weight[i, :-CROWD].reshape(5, -1)[offset + 2] == inside).all()
            if inside:
                true = np.linalg.norm(backbone[i + offset] - backbone[i, 1], axis=1)
                np.testing.assert_allclose(np.linalg.norm(around[offset + 2], axis=1), true, atol=1e-3)


def test_exact_surroundings_are_assembled_into_the_chain_and_gaps_are_spanned(proteins):
    structure = proteins[3]
    for missing in ([], [10, 11]):
        kept = structure.keep(~np.isin(np.arange(len(structure)), missing))
        n = neighbourhoods(kept, kept.chains[0], 6, 4)
        chain = assembled(n.target[:, :-CROWD].reshape(len(n.place), 9, 3, 3).astype(float), n.place)
        assert rmsd(kept.backbone[0][None].astype(float), chain[None].astype(float))[0] < 0.15  # ideal bonds


def test_laying_on_agrees_with_scipy(generator):
    from scipy.spatial.transform import Rotation

    a, b = torch.randn(2, 5, 3, 3, dtype=torch.float64, generator=generator).numpy()
    own, other = (x.reshape(-1, 3) - x.reshape(-1, 3).mean(0) for x in (a, b))
    rotation, _ = Rotation.align_vectors(other, own)
    expected = rotation.apply(own) + b.reshape(-1, 3).mean(0)
    np.testing.assert_allclose(laid_on(a[None], b[None], np.ones((1, 5)))[0].reshape(-1, 3), expected, atol=1e-9)
    assert rmsd(a[None], a[None] @ rotation.as_matrix())[0] < 1e-9
    assert lddt(own, own) == 1 and rmsd_of_stretches(a, a + 1, 3) < 1e-9
    assert lddt(own, own * 100) < 0.1


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("structures")
    many = (Sample(one.structure.name, {"prot_struct": one.structure}) for one in simulated(32, 30, 50, seed=1))
    write_records(many, out / "rows")
    training = CodecTraining(
        steps=80, batch=8, peak_rate=5e-3, warmup_fraction=0.1, weight_decay=0.0, window=400, held_out=4, log_every=20
    )
    train(data=out / "rows", out=out / "tokenizers", structure=SMALL, training=training)
    return out / "tokenizers"


def test_a_short_training_learns_what_the_codes_keep(trained, proteins):
    with (trained / "training" / "structure" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["chi2"]) < 0.8 * float(rows[0]["chi2"])
    quality = json.loads((trained / "training" / "structure" / "quality.json").read_text())
    assert quality["chi2"] < quality["chi2_of_mean"]
    assert 0 < quality["rmsd_of_9"] < quality["rmsd"]
    assert (trained / "training" / "structure" / "reconstruction.png").stat().st_size > 1000
    learned = load_tokenizer(trained / "prot_struct")
    pairs = [(s, learned.decode(learned.encode([s]))[0]) for s in proteins]
    untrained = StructureTokenizer(SMALL).eval()
    worse = [(s, untrained.decode(untrained.encode([s]))[0]) for s in proteins]
    assert measures(pairs)["rmsd_of_9"] < measures(worse)["rmsd_of_9"]
