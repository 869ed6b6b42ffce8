"""RNA-BAnG's layout: the published table of tensors, both ways, strictly."""

import re
from pathlib import Path

import pytest
import torch

from foundation.errors import FoundationError
from foundation.interop.rnabang import config_of, from_released, released_name, to_released
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.transformer import AnchoredTransformer

SMALL = AnchoredConfig(width=16, protein_depth=1, depth=2, heads=2, dim=8, points=2, value_points=3, hidden=24)
TABLE = Path(__file__).parents[3] / "shared" / "reference" / "rnabang_state_dict.txt"


def small(config=SMALL):
    torch.manual_seed(0)
    return AnchoredTransformer(config).eval()


def published_shapes():
    model = AnchoredTransformer()
    return {n: tuple(t.shape) for n, t in to_released(model.state_dict(), model.config).items()}


def test_counts():
    shapes = published_shapes()
    assert len(shapes) == 427
    assert sum(torch.Size(s).numel() for s in shapes.values()) == 14_531_441
    parts = {"encoder_aa_3.": 582_828, "encoder_na_9.": 869_856, "embedding_layer.": 3_956, "log_head.": 645}
    for part, count in parts.items():
        assert sum(torch.Size(s).numel() for n, s in shapes.items() if part in n) == count


def test_every_released_name_and_shape():
    if not TABLE.is_file():
        pytest.skip(f"no table at {TABLE}")
    lines = [line.split("\t") for line in TABLE.read_text().splitlines()]
    table = {name: tuple(int(n) for n in re.findall(r"\d+", shape)) for name, shape in lines}
    assert published_shapes() == table


@pytest.mark.parametrize("prefix", ["", "module."])
def test_both_ways(prefix):
    model = small()
    released = {prefix + n: t for n, t in to_released(model.state_dict(), SMALL).items()}
    assert config_of(released) == SMALL
    back = from_released(released, SMALL)
    assert all(torch.equal(t, model.state_dict()[n]) for n, t in back.state_dict().items())
    assert all(p.requires_grad for p in back.parameters())


def test_keys_and_values_alternate_by_head():
    """Row (head, key or value, component) of the released map, with adjacent pairs in the keys alone."""
    config = AnchoredConfig(width=4, protein_depth=0, depth=1, heads=2, dim=4, hidden=4)
    keys, values = torch.tensor([0.0, 1, 2, 3, 8, 9, 10, 11]), torch.tensor([4.0, 5, 6, 7, 12, 13, 14, 15])
    ours = {f"blocks.0.attention.{n}.weight": x[:, None].expand(8, 4) for n, x in (("k", keys), ("v", values))}
    released = to_released(ours, config)  # a head of ours: half, pair
    rows = released["main_model.trunk.encoder_na_0.self_mha.linear_kv.weight"][:, 0].tolist()
    assert rows == [0, 2, 1, 3, 4, 5, 6, 7, 8, 10, 9, 11, 12, 13, 14, 15]


def test_every_name_is_its_own_and_an_extra_parameter_stays():
    names = [released_name(n) for n in small().state_dict()]
    assert len(set(names)) == len(names)
    assert released_name("side.weight") == "side.weight"


def test_strictness():
    released = to_released(small().state_dict(), SMALL)
    head = "main_model.log_head.weight"
    with pytest.raises(FoundationError, match=f"missing: {head}"):
        from_released({n: t for n, t in released.items() if n != head}, SMALL)
    with pytest.raises(FoundationError, match="left over: more"):
        from_released(released | {"more": torch.zeros(1)}, SMALL)
    with pytest.raises(FoundationError, match=r"of another shape: main_model.log_head.weight \[2, 16\]"):
        from_released(released | {head: torch.zeros(2, 16)}, SMALL)
    frequencies = "main_model.trunk.encoder_na_1.self_mha.rotary_emb.freqs"
    with pytest.raises(FoundationError, match="1 tensors of frequencies"):
        from_released(released | {frequencies: 2 * released[frequencies]}, SMALL)
    with pytest.raises(FoundationError, match="not those of RNA-BAnG"):
        config_of({"weight": torch.zeros(2)}, "other.pth")
