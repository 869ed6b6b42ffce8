"""Examples: no leak between training and validation, whole sentences of rows, hidden residues that stay hidden."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from foundation.data.biology.complexes import complexes_of, targets_of
from foundation.data.biology.protein import UNKNOWN
from foundation.data.formats.structure import read_structure
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.order import LETTERS
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.training.anchored.config import AnchoredObjective, ComplexDataConfig
from foundation.training.anchored.data import AnchoredDataModule
from foundation.training.anchored.examples import ComplexExamples, ResidueExamples, nearest
from foundation.training.anchored.flops import forward_flops


@pytest.fixture
def made(complexes):
    return [one for path in sorted(complexes.iterdir()) for one in complexes_of(read_structure(path))]


@pytest.mark.parametrize("kind", ["sequence", "residues"])
def test_nothing_held_out_is_trained_on(complexes, kind):
    config = ComplexDataConfig(complexes, held_out=0.4, workers=0)
    stream = AnchoredDataModule(config, AnchoredObjective(kind), "pairs", 0, 4)
    trained, checked = ({t.letters for t in e.targets()} for e in (stream.examples, stream.checks))
    assert len(trained) == 4
    assert len(checked) == 2
    assert trained.isdisjoint(checked)


def letters_of(batch, sample):
    """The strand that the rows of a sample hold and ask for, in the order of the sequence."""
    rows = slice(*batch.offsets[sample : sample + 2].tolist())
    asked = sorted(zip(batch.place[rows].tolist(), batch.target[rows].tolist(), strict=True))
    return "".join((LETTERS + "$")[target] for place, target in asked if place != -2)


def test_rows_ask_for_the_whole_strand_and_its_ends(made):
    examples = ComplexExamples(made, "pairs", 300, 1000)
    batch = examples.batch([(i, np.random.default_rng(i)) for i in range(len(made))])
    for number, one in enumerate(made):
        assert letters_of(batch, number) == f"${one.letters}$"
    assert batch.rna.tolist() == [one.rna for one in made]
    assert 0 < batch.rna.sum() < len(made)


def test_a_cropped_end_is_no_end(made):
    examples = ComplexExamples(made[:1], "pairs", 6, 1000)
    seen = {letters_of(examples.batch([(0, np.random.default_rng(i))]), 0) for i in range(40)}
    letters = made[0].letters
    assert any("$" not in s for s in seen)
    for strand in seen:
        assert strand.strip("$") in letters
        assert strand.startswith("$") == letters.startswith(strand.strip("$")) or letters.count(strand.strip("$")) > 1


def test_anchors_are_all_contacts_and_nothing_else(made):
    examples = ComplexExamples(made[:1], "pairs", 300, 1000)
    drawn = set()
    for seed in range(200):
        batch = examples.batch([(0, np.random.default_rng(seed))])
        drawn.add(int(batch.place[batch.ids == 6]) - 1)  # <cntr> predicts the letter after the anchor
    assert drawn == {p for p in made[0].anchors.tolist() if p + 1 <= len(made[0].letters)}


def test_long_proteins_show_what_is_near_the_contact(made):
    frames = made[0].target.frames
    near = nearest(frames, 10, 7)
    where = frames.translation.astype(float)
    order = sorted(range(len(where)), key=lambda i: np.linalg.norm(where[i] - where[10]))[:7]
    assert near.source.tolist() == sorted(frames.source[order].tolist())


def test_hidden_residues_are_unknown_and_asked(complexes):
    targets = [t for path in sorted(complexes.iterdir()) for t in targets_of(read_structure(path))]
    examples = ResidueExamples(targets, 0.4, 1000, (0.1, 0.02))
    batch = examples.batch([(i, np.random.default_rng(i)) for i in range(6)])
    asked = batch.kind >= 0
    truth = torch.from_numpy(np.concatenate([t.frames.residues for t in targets]))
    assert torch.equal(batch.kind[asked], truth[asked])
    assert (batch.proteins.residues[asked] == UNKNOWN).all()
    assert torch.equal(batch.proteins.residues[~asked], truth[~asked])
    assert 0.25 < asked.float().mean() < 0.55
    true = np.concatenate([t.frames.rotation for t in targets])
    turned = Rotation.from_matrix(np.einsum("rji,rjk->rik", true, batch.proteins.rotation.numpy()).astype(float))
    assert np.sqrt(np.mean(turned.as_rotvec() ** 2)) == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize("factorisation", ["pairs", "interleaved"])
def test_operations_are_those_that_torch_counts(made, factorisation):
    from torch.utils.flop_counter import FlopCounterMode

    config = AnchoredConfig(32, 2, 2, 2, 8, 2, 2, 32, factorisation=factorisation)
    examples = ComplexExamples(made[:2], factorisation, 300, 1000)
    batch = examples.batch([(i, np.random.default_rng(i)) for i in range(2)])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        AnchoredTransformer(config)(batch)
    assert forward_flops(config, batch) == pytest.approx(counter.get_total_flops(), rel=0.35)
