"""What a prediction may depend on: nothing revealed at its step or later, and nothing of another document."""

from dataclasses import replace

import pytest
import torch

POSITIONS = ("sinusoidal", "learned", "rotary", "none")
pytestmark = [
    pytest.mark.parametrize("position", POSITIONS),
    pytest.mark.parametrize("decoder_depth", [0, 2]),
]


def scramble(tokens, index, generator):
    """The same tokens with other values at `index`; positions stay, for a query shows its own."""
    ids, vectors = tokens.ids.clone(), {k: v.clone() for k, v in tokens.vectors.items()}
    for i in index.tolist():
        space = tokens.spaces[tokens.space[i]]
        if space.discrete:
            ids[i] = (ids[i] + 1 + torch.randint(space.size - 1, (1,), generator=generator)) % space.size
        else:
            vectors[space.name][ids[i]] += 1 + torch.randn(space.size, generator=generator)
    return replace(tokens, ids=ids, vectors=vectors)


def test_nothing_at_or_after_a_step_changes_a_prediction_up_to_it(
    build, draw, draw_reveal, run, generator, position, decoder_depth
):
    model = build(position=position, decoder_depth=decoder_depth)
    changed_anything = False
    for _ in range(3):
        tokens = draw()
        reveal = draw_reveal(tokens)
        before, _ = run(model, [(tokens, reveal)])
        for step in (1, 2, 3):
            later = torch.nonzero((reveal >= step) | (reveal < 0)).flatten()
            after, _ = run(model, [(scramble(tokens, later, generator), reveal)])
            for (_, i), value in before.items():
                if reveal[i] <= step:
                    assert torch.equal(value, after[0, i])
                else:
                    changed_anything |= not torch.equal(value, after[0, i])
    assert changed_anything  # else the test would pass for a model that looks at nothing


def test_moving_or_dropping_what_comes_later_changes_no_earlier_prediction(
    build, draw, draw_reveal, run, position, decoder_depth
):
    """Also where a later token lies, and whether there is one, must not tell; rounding may, as shapes change."""
    model = build(position=position, decoder_depth=decoder_depth)
    tokens = draw()
    reveal = draw_reveal(tokens)
    before, _ = run(model, [(tokens, reveal)])
    for step in (1, 2):
        after, _ = run(model, [(tokens, torch.where(reveal > step, -1, reveal))])
        for (_, i), value in before.items():
            if 0 < reveal[i] <= step:
                torch.testing.assert_close(value, after[0, i], rtol=1e-10, atol=1e-10)


def test_a_document_does_not_touch_another_by_one_bit(
    build, draw, draw_reveal, run, generator, position, decoder_depth
):
    model = build(position=position, decoder_depth=decoder_depth)
    samples = [(t, draw_reveal(t)) for t in (draw() for _ in range(3))]
    asked, content = run(model, samples)
    tokens, reveal = samples[1]
    samples[1] = (scramble(tokens, torch.arange(len(tokens)), generator), reveal)
    asked_after, content_after = run(model, samples)
    for before, after in ((asked, asked_after), (content, content_after)):
        assert all(torch.equal(value, after[key]) for key, value in before.items() if key[0] != 1)
        assert any(not torch.equal(value, after[key]) for key, value in before.items() if key[0] == 1)


def test_context_states_do_not_depend_on_what_is_asked(build, draw, run, position, decoder_depth):
    """The frozen encoder's states: those of a run that asks nothing, and of the same given tokens alone."""
    model = build(position=position, decoder_depth=decoder_depth)
    tokens = draw()
    half = torch.arange(len(tokens)) % 2
    _, content = run(model, [(tokens, half)])
    given = tokens.select(half == 0)
    _, alone = run(model, [(given, torch.zeros(len(given), dtype=torch.long))])
    features = model.encode([given], pool="none").values
    for i, token in enumerate(torch.nonzero(half == 0).flatten().tolist()):
        torch.testing.assert_close(content[0, token], alone[0, i], rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(content[0, token], features[i], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("steps", [1, 4, 30])
def test_one_pass_equals_replay_step_by_step(build, draw, draw_reveal, run, position, decoder_depth, steps):
    model = build(position=position, decoder_depth=decoder_depth)
    tokens = draw(longest=12)
    reveal = draw_reveal(tokens, steps)
    at_once, _ = run(model, [(tokens, reveal)])
    replayed = {}
    for step in reveal[reveal > 0].unique():
        so_far, _ = run(model, [(tokens, torch.where(reveal > step, -1, reveal))])
        replayed |= {key: value for key, value in so_far.items() if reveal[key[1]] == step}
    assert replayed.keys() == at_once.keys()
    for key, value in at_once.items():
        torch.testing.assert_close(value, replayed[key], rtol=1e-10, atol=1e-10)


def test_asked_without_any_context_is_finite_and_alone(build, draw, run, position, decoder_depth):
    """A document in which all is asked sees its own queries only, whatever stands beside it."""
    model = build(position=position, decoder_depth=decoder_depth)
    tokens, other = draw(), draw()
    everything = torch.ones(len(tokens), dtype=torch.long)
    alone, content = run(model, [(tokens, everything)])
    beside, _ = run(model, [(other, torch.zeros(len(other), dtype=torch.long)), (tokens, everything)])
    assert not content and len(alone) == len(tokens)
    for (_, i), value in alone.items():
        assert value.isfinite().all()
        torch.testing.assert_close(value, beside[1, i], rtol=1e-10, atol=1e-10)
