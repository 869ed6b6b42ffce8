from dataclasses import replace

import pytest
import torch

from foundation.batch import pack
from foundation.config import ModelConfig
from foundation.errors import FoundationError
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Space

# Vocabularies of AION-1's 40 keys (arXiv:2510.17960 and its release): 2 images, a segmentation map, a catalogue, a
# redshift grid, and 35 keys of 1024 codes.
AION = tuple(Space(f"key_{i}", "discrete", size) for i, size in enumerate([4375, 4375, 1000, 3468, 1025, *[1024] * 35]))
AION_PARAMETERS = 314_255_616  # of the released base model
TARGET_EMBEDDINGS = (
    50_083 * 768
)  # its teacher-forcing tables, which no set-valued key uses and this model does not have


def count(*modules):
    return sum(p.numel() for m in modules for p in m.parameters())


@pytest.mark.parametrize("position", ["sinusoidal", "rotary", "none"])
def test_base_size_is_aions(position):
    with torch.device("meta"):
        model = FoundationTransformer(ModelConfig(position=position), AION)
    assert count(model.encoder) == 84_954_624
    assert count(model.decoder) == 113_286_144
    assert count(model) == AION_PARAMETERS - TARGET_EMBEDDINGS


@pytest.mark.parametrize(
    ("width", "depth", "heads", "parameters"),
    [(384, 6, 6, 82_648_704), (512, 8, 8, 135_951_872), (1024, 24, 16, 859_650_048), (2048, 24, 32, 3_130_772_480)],
)
def test_other_sizes_are_aions(width, depth, heads, parameters):
    with torch.device("meta"):
        model = FoundationTransformer(ModelConfig(width=width, depth=depth, decoder_depth=depth, heads=heads), AION)
    assert count(model) == parameters - 50_083 * width


def losses(model, batch):
    for name, prediction in model.predict(model(batch), batch).items():
        ids = batch.ids[prediction.rows]
        value = batch.vectors[name][ids].double() if name in batch.vectors else ids
        yield -prediction.distribution.log_prob(value).sum()


@pytest.mark.parametrize("position", ["sinusoidal", "learned", "rotary", "none"])
@pytest.mark.parametrize("decoder_depth", [0, 2])
@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_every_parameter_has_a_gradient(build, draw, position, decoder_depth, norm):
    model = build(position=position, decoder_depth=decoder_depth, norm=norm)
    samples = [draw() for _ in range(8)]
    batch = pack([(t, torch.arange(len(t)) % 3) for t in samples], model.spaces)
    sum(losses(model, batch)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any(), name


@pytest.mark.parametrize("decoder_depth", [0, 2])
def test_a_batch_without_a_space_still_reaches_all_other_weights(build, draw, decoder_depth):
    """On many ranks every rank must have every gradient; heads nobody asks are the loss's to add."""
    model = build(decoder_depth=decoder_depth)
    tokens = draw()
    tokens = tokens.select(tokens.of("spectrum"))
    batch = pack([(tokens, torch.ones(len(tokens), dtype=torch.long))], model.spaces)
    sum(losses(model, batch)).backward()
    missing = {name for name, p in model.named_parameters() if p.grad is None}
    assert missing == {f"heads.output.{name}.weight" for name in ("image", "z", "cube")}


@pytest.mark.parametrize("decoder_depth", [0, 2])
def test_predictions_cover_the_queries_by_space(build, draw, draw_reveal, decoder_depth):
    model = build(decoder_depth=decoder_depth)
    batch = pack([(t, draw_reveal(t)) for t in (draw() for _ in range(4))], model.spaces)
    states = model(batch)
    predictions = model.predict(states, batch)
    rows = torch.cat([p.rows for p in predictions.values()])
    assert torch.equal(rows.sort().values, batch.query_rows)
    for name, prediction in predictions.items():
        space = next(s for s in model.spaces if s.name == name)
        assert {model.spaces[i].name for i in batch.space[prediction.rows]} == {name}
        if space.discrete:
            torch.testing.assert_close(
                prediction.distribution.logits.exp(),
                (states[prediction.rows] @ model.heads.output[name].weight.T).softmax(-1),
            )
        else:
            assert prediction.distribution.mean.shape == (len(prediction.rows), space.size)


def test_spaces_nobody_asks_for_are_left_out(build, draw):
    model, tokens = build(), draw()
    reveal = torch.zeros(len(tokens), dtype=torch.long).index_fill(0, tokens.of("z"), 1)
    batch = pack([(tokens, reveal)], model.spaces)
    assert set(model.predict(model(batch), batch)) == {"z"}


@pytest.mark.parametrize("decoder_depth", [0, 2])
def test_features_are_layer_by_layer(build, draw, decoder_depth):
    model, tokens = build(decoder_depth=decoder_depth, depth=3), draw()
    batch = pack([(tokens, torch.zeros(len(tokens), dtype=torch.long))], model.spaces)
    for layer in range(3):
        block_by_hand = model.encoder[layer](model.features(batch, layer), batch.content_layout)
        torch.testing.assert_close(model.features(batch, layer + 1), block_by_hand)
    torch.testing.assert_close(model.features(batch), model.norm(model.features(batch, 3)))
    torch.testing.assert_close(model.features(batch), model(batch))
    with pytest.raises(FoundationError, match="3 blocks"):
        model.features(batch, 4)


@pytest.mark.parametrize("decoder_depth", [0, 2])
def test_rotary_states_depend_on_distances_alone(build, draw, decoder_depth):
    model, tokens = build(position="rotary", decoder_depth=decoder_depth), draw(longest=12)
    tokens = tokens.select(tokens.of("spectrum"))
    reveal = torch.arange(len(tokens)) % 3

    def states(shift):
        with torch.no_grad():
            return model(pack([(replace(tokens, position=tokens.position + shift), reveal)], model.spaces))

    apart = torch.arange(len(tokens), dtype=torch.float64)[:, None] * torch.tensor([50.0, 0.0, 0.0, 0.0])
    torch.testing.assert_close(states(0), states(137.0), rtol=1e-9, atol=1e-9)
    assert (states(0) - states(apart)).abs().max() > 1e-3


@pytest.mark.parametrize("norm", ["layer", "rms"])
@pytest.mark.parametrize("decoder_depth", [0, 2])
@pytest.mark.parametrize("position", ["sinusoidal", "rotary"])
def test_bfloat16_autocast_is_close_and_trains(build, draw, norm, decoder_depth, position):
    model = build(norm=norm, decoder_depth=decoder_depth, position=position)
    batch = pack([(t, torch.arange(len(t)) % 3) for t in (draw() for _ in range(4))], model.spaces)
    exact = model(batch)
    single = model.float()
    torch.testing.assert_close(single(batch).double(), exact, rtol=1e-3, atol=1e-3)
    with torch.autocast("cpu", torch.bfloat16):
        states = single(batch)
        predictions = single.predict(states, batch)
    assert (states - exact).abs().mean() / exact.abs().mean() < 0.03
    assert predictions["z"].distribution.logits.dtype == torch.float32
    states.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in single.parameters())


def test_initial_weights_follow_xavier_and_do_not_depend_on_stacking(spaces):
    """The bound of each square part of a stacked matrix is that of the part, as in AION-1."""
    torch.manual_seed(0)
    model = FoundationTransformer(ModelConfig(width=240, depth=1, decoder_depth=1, heads=4), spaces)
    square, wide = (6 / 480) ** 0.5, (6 / (240 + 640)) ** 0.5
    block, cross = model.encoder[0], model.decoder[0].cross_attn
    for weight, bound in [
        (block.attn.qkv.weight, square),
        (cross.kv.weight, square),
        (cross.q.weight, square),
        (block.mlp.gate_up.weight, wide),
        (block.mlp.down.weight, wide),
        (model.context.weight, square),
    ]:
        assert 0.99 * bound < weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
    values = model.embed.value["spectrum"].weight
    places = model.position(torch.zeros(1).long(), torch.full((1, 4), 5e3).double(), values)
    assert values.std().item() == pytest.approx(
        places.square().mean().sqrt().item(), rel=0.5
    )  # neither drowns the other
    assert not model.context.bias.any() and (model.norm.weight == 1).all()


def written_out(model, tokens, asked):
    """AION-1's encoder and decoder for one sample with one step, as equations on plain matrices."""
    weights, width, heads = model.state_dict(), model.config.width, model.config.heads
    place = model._place(pack([(tokens, torch.zeros(len(tokens)).long())], model.spaces))
    tables = [weights[f"embed.value.{s.name}.weight"] for s in model.spaces]
    names = [s.name for s in model.spaces]

    def value(i):
        space = tokens.spaces[tokens.space[i]]
        table = tables[names.index(space.name)]
        return table[tokens.ids[i]] if space.discrete else table @ tokens.vectors[space.name][tokens.ids[i]].double()

    def norm(x, name):
        x = x - x.mean(-1, keepdim=True)
        return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * weights[name + ".weight"]

    def attend(x, context, name):
        if name.endswith("cross_attn"):
            q, (k, v) = x @ weights[name + ".q.weight"].T, (context @ weights[name + ".kv.weight"].T).split(width, -1)
        else:
            q, k, v = (x @ weights[name + ".qkv.weight"].T).split(width, -1)
        q, k, v = (y.unflatten(-1, (heads, -1)).transpose(0, 1) for y in (q, k, v))
        q, k = norm(q, name + ".core.q_norm"), norm(k, name + ".core.k_norm")
        out = (q @ k.transpose(1, 2) * (width // heads) ** -0.5).softmax(-1) @ v
        return out.transpose(0, 1).flatten(1) @ weights[name + ".core.proj.weight"].T

    def mlp(x, name):
        gate, up = (x @ weights[name + ".gate_up.weight"].T).chunk(2, -1)
        return (gate * gate.sigmoid() * up) @ weights[name + ".down.weight"].T

    x = torch.stack([value(i) for i in torch.nonzero(~asked).flatten()]) + place[~asked]
    for i in range(model.config.depth):
        x = x + attend(norm(x, f"encoder.{i}.norm1"), None, f"encoder.{i}.attn")
        x = x + mlp(norm(x, f"encoder.{i}.norm2"), f"encoder.{i}.mlp")
    content = norm(x, "norm")
    context = content @ weights["context.weight"].T + weights["context.bias"] + place[~asked]
    x = weights["embed.query"] + place[asked]
    for i in range(model.config.decoder_depth):
        name = f"decoder.{i}."
        x = x + attend(norm(x, name + "norm1"), None, name + "self_attn")
        x = x + attend(norm(x, name + "query_norm"), norm(context, name + "context_norm"), name + "cross_attn")
        x = x + mlp(norm(x, name + "norm2"), name + "mlp")
    return torch.cat([content, norm(x, "decoder_norm")])


def test_encoder_and_decoder_are_the_published_equations(build, draw):
    model, tokens = build(decoder_depth=2), draw()
    asked = torch.arange(len(tokens)) % 3 == 0
    batch = pack([(tokens, asked.long())], model.spaces)
    with torch.no_grad():
        torch.testing.assert_close(model(batch), written_out(model, tokens, asked), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("config", "names", "sentence"),
    [
        (ModelConfig(), [], "at least one"),
        (ModelConfig(), ["a", "a"], "each name once"),
        (ModelConfig(), ["a.b"], "without a dot"),
        (ModelConfig(width=50, heads=4), ["a"], "divisible"),
        (ModelConfig(depth=0), ["a"], "at least one block"),
    ],
)
def test_impossible_models_are_refused(config, names, sentence):
    with pytest.raises(FoundationError, match=sentence):
        FoundationTransformer(config, [Space(n, "discrete", 3) for n in names])
