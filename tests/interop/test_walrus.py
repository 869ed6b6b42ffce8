"""Walrus's layout: the published table of tensors and count of parameters, both ways, strictly."""

import pytest
import torch

from foundation.errors import FoundationError
from foundation.interop.walrus import FIELDS, config_of, from_released, released_name, to_released
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.transformer import FieldTransformer

SMALL = FieldModelConfig(width=32, depth=2, heads=2, hidden=24, inner=4, frequencies=2)
BLOCK = {
    "space_mixing.norm1.weight": (1408,),
    "space_mixing.fused_ff_qkv.weight": (9856, 1408),
    "space_mixing.fused_ff_qkv.bias": (9856,),
    "space_mixing.ff_out.weight": (1408, 2816),
    "space_mixing.ff_out.bias": (1408,),
    "space_mixing.attn_out.weight": (1408, 1408),
    **{f"space_mixing.{n}_norm.{p}": (88,) for n in "qk" for p in ("weight", "bias")},
    "space_mixing.rotary_emb.freqs": (11,),
    "time_mixing.norm1.weight": (1408,),
    "time_mixing.input_head.weight": (4224, 1408, 1, 1, 1),
    "time_mixing.input_head.bias": (4224,),
    "time_mixing.output_head.weight": (1408, 1408, 1, 1, 1),
    "time_mixing.output_head.bias": (1408,),
    **{f"time_mixing.{n}norm.{p}": (88,) for n in "qk" for p in ("weight", "bias")},
    "time_mixing.rel_pos_bias.relative_attention_bias.weight": (32, 16),
}
ENDS = {
    "embed.{}.proj1.weight": (352, 67, 8, 8, 8),
    "embed.{}.norm1.weight": (352,),
    "embed.{}.proj2.weight": (1408, 352, 4, 4, 4),
    "embed.{}.norm2.weight": (1408,),
    "debed.{}.proj1.weight": (1408, 352, 4, 4, 4),
    "debed.{}.norm1.weight": (352,),
    "debed.{}.proj2.weight": (352, 67, 8, 8, 8),
    "debed.{}.proj2.bias": (67,),
}


def on_meta(**changes):
    with torch.device("meta"):
        return FieldTransformer(FieldModelConfig(**changes), FIELDS)


def small(names=FIELDS, config=SMALL):
    torch.manual_seed(0)
    return FieldTransformer(config, names).eval()


def test_the_released_tensors():
    model = on_meta()
    shapes = {n: tuple(t.shape) for n, t in to_released(model.state_dict(), model.config).items()}
    wanted = {"encoder_dummy": (1,)} | {n.format(d): s for n, s in ENDS.items() for d in (2, 3)}
    wanted |= {f"blocks.{i}.{n}": s for n, s in BLOCK.items() for i in range(40)}
    assert shapes == wanted and len(shapes) == 857
    assert sum(p.numel() for p in model.parameters()) == 1_286_199_047
    assert sum(p.numel() for p in model.blocks[0].parameters()) == 27_775_424


def test_the_finetuned_tensors():
    model = on_meta(rotary="learned", grid=(32, 33, 1))
    shapes = {n: tuple(t.shape) for n, t in to_released(model.state_dict(), model.config).items()}
    assert len(shapes) == 938
    assert shapes["ape"] == (1, 1, 1408, 32, 33, 1)
    assert shapes["blocks.39.space_mixing.rotary_emb.freqs.2"] == (11,)


def test_the_table_of_fields():
    index = {name: i for i, name in enumerate(("closed_boundary", "open_boundary", "bias_correction", *FIELDS))}
    some = {"pressure": 3, "D_xx": 10, "E_zz": 27, "velocity_r": 30, "mask": 38, "A": 42, "height": 44, "tracer": 54}
    assert len(index) == 67 and {n: index[n] for n in some} == some
    assert [index[n] for n in ("log10_temperature", "c_zz", "C_xx", "C_zz")] == [56, 57, 58, 66]


def test_every_name_is_its_own():
    names = [released_name(n) for n in small().state_dict()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("changes", [{}, {"rotary": "learned", "grid": (4, 5, 1)}, {"dimensions": (3,)}], ids=str)
def test_there_and_back(changes):
    config = FieldModelConfig(**{**vars(SMALL), **changes})
    model = small(config=config)
    tensors = to_released(model.state_dict(), config)
    assert config_of(tensors) == config
    again = from_released(tensors, config_of(tensors), FIELDS)
    assert all(torch.equal(t, model.state_dict()[n]) for n, t in again.state_dict().items())
    assert all(p.requires_grad for p in again.parameters())


def test_every_difference_is_reported():
    tensors = to_released(small().state_dict(), SMALL)
    del tensors["embed.2.norm1.weight"], tensors["blocks.1.time_mixing.qnorm.bias"]
    tensors |= {"gamma": torch.zeros(1), "embed.3.norm2.weight": torch.zeros(31)}
    with pytest.raises(FoundationError) as caught:
        from_released(tensors, SMALL, FIELDS, "walrus.pt")
    message = str(caught.value)
    assert "missing: blocks.1.time_mixing.qnorm.bias, embed.2.norm1.weight; left over: gamma;" in message
    assert "embed.3.norm2.weight [31] instead of [32]" in message and "\n" not in message


def test_other_tensors_are_refused():
    with pytest.raises(FoundationError, match="holds 1 tensors, not those of Walrus"):
        config_of({"weight": torch.zeros(2)})
