"""Tables start from the geometry of the codes, where there is one."""

import math
from dataclasses import asdict

import pytest
import torch

from foundation.config import ModelConfig
from foundation.errors import FoundationError
from foundation.model.initial import DEVIATION, grid_waves
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Axis, Space

SMALL = ModelConfig(width=32, depth=1, decoder_depth=1, heads=2)


def tables(space, config=SMALL):
    torch.manual_seed(0)
    model = FoundationTransformer(config, (space,))
    return model.embed.value[space.name].weight, model.heads.output[space.name].weight


def mean_distance(table, step):
    return (table[step:] - table[:-step]).norm(dim=1).mean()


def test_neighbouring_codes_of_a_scalar_start_alike_and_distant_ones_do_not():
    for table in tables(Space("a", "discrete", 64, levels=(64,))):
        assert mean_distance(table, 1) < 0.5 * mean_distance(table, 32)


def test_a_head_of_scalars_can_be_sure_of_a_few_codes_from_the_start():
    _, head = tables(
        Space("a", "discrete", 128, levels=(128,)), ModelConfig(width=128, depth=1, decoder_depth=1, heads=2)
    )
    toward = torch.nn.functional.normalize(head[64], dim=0) * math.sqrt(128)  # a state of the length that norms leave
    assert (head @ toward).softmax(0)[60:69].sum() > 0.9


def test_codes_without_a_grid_start_independent():
    embedding, _ = tables(Space("a", "discrete", 64))
    assert mean_distance(embedding, 1) > 0.9 * mean_distance(embedding, 32)


def test_the_first_component_varies_fastest_as_in_fsq():
    waves = grid_waves((3, 4))
    first, second = waves[:, :2], waves[:, 2:]
    assert torch.equal(first[:3], first[3:6])  # codes 0, 1, 2 and 3, 4, 5 differ in the second component only
    assert torch.equal(second[0], second[2])
    assert not torch.equal(second[0], second[3])


def test_waves_follow_the_formula():
    waves = grid_waves((5, 2))
    x = ((7 % 5) + 0.5) / 5
    expected = [math.cos(math.pi * k * x) / math.sqrt(k) for k in (1, 2, 3, 4)]
    expected += [math.cos(math.pi * (7 // 5 + 0.5) / 2)]
    assert waves[7].tolist() == pytest.approx(expected, abs=1e-6)


def test_all_codes_start_apart_and_at_the_usual_scale():
    embedding, _ = tables(Space("a", "discrete", 1000, levels=(8, 5, 5, 5)))
    assert embedding.std().item() == pytest.approx(DEVIATION, rel=1e-3)
    assert torch.pdist(embedding).min() > 1e-2


def test_levels_must_number_the_codes_and_are_restored_from_their_stored_form():
    with pytest.raises(FoundationError, match="number 20 codes, size is 21"):
        Space("a", "discrete", 21, levels=(4, 5))
    space = Space("a", "discrete", 20, (Axis("x", "Angstrom", 0.0, 4.0, 1.0),), (4, 5))
    assert Space.restore(asdict(space)) == space
