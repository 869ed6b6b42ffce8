"""Every pathway of the configurations: no answer leaks, what is shown counts, drawing sees what training saw."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from foundation.batch import pack
from foundation.masking import Pathway, SplitTrack
from foundation.masking.context import Context
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.transformer import TrackTransformer
from foundation.sampling.choose import Choice
from foundation.sampling.sampler import Sampler
from foundation.tokens import Axis, Space, Tokens, concatenate

CONFIGS = Path(__file__).parents[3] / "configs"
PLACES = (Axis("place", "", 0, 1e6, 1),)
PROTEIN = {"aa_seq", "dssp", "sasa", "rna_codons"}
SINGLE = {"is_coding": 3, "feature_type": 6}


def pathways():
    """Of both configurations, each with a name."""
    for name in ("mimic", "mimic_small"):
        stored = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())["policy"]["pathways"]
        for number, content in enumerate(stored):
            parts = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
            known = {s: tuple(codes) for s, codes in parts.pop("known", {}).items()}
            yield pytest.param(Pathway(**parts, known=known), id=f"{name}-{number}-{'+'.join(parts['asked'])}")


PATHWAYS = list(pathways())


def names_of(pathway):
    return list(dict.fromkeys((*pathway.given, *pathway.optional, *pathway.asked, "rna_seq", "aa_seq")))


def sample(pathway, generator, n=14):
    parts = []
    for name in names_of(pathway):
        count = 1 if name in SINGLE else 6 if name in PROTEIN else n
        track = SINGLE.get(name, 0 if name in PROTEIN else 1)
        ids = torch.randint(6, (count,), generator=generator)
        parts.append(
            Tokens.of_space(Space(name, "discrete", 6, PLACES), ids, torch.arange(count)[:, None].double(), track)
        )
    return concatenate(parts)


def model_of(pathway):
    torch.manual_seed(0)
    config = TrackConfig(width=16, depth=2, decoder_depth=2, heads=4, hidden=24, registers=2, rotated=4)
    model = TrackTransformer(config, [Space(n, "discrete", 6, PLACES) for n in names_of(pathway)]).double().eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.4)
    return model


def logits(model, samples):
    """(sample, token) -> logits."""
    batch = pack(samples, model.spaces)
    with torch.no_grad():
        found = model.predict(model(batch), batch)
    return {
        (int(batch.document[row]), int(batch.token[row])): value
        for p in found.values()
        for row, value in zip(p.rows, p.distribution.logits, strict=True)
    }


def other_values(tokens, index):
    ids = tokens.ids.clone()
    ids[index] = (ids[index] + 1) % 6
    return replace(tokens, ids=ids)


@pytest.mark.parametrize("pathway", PATHWAYS)
@pytest.mark.parametrize("context", [Context(), Context(8)], ids=["whole", "stretch"])
def test_asked_and_unused_tokens_change_no_prediction_and_given_ones_do(pathway, context, generator):
    model, policy = model_of(pathway), SplitTrack((pathway,), context=context, contiguous=0.3)
    changed = 0
    for _ in range(6):
        tokens = sample(pathway, generator)
        reveal = policy(tokens, generator)
        assert (reveal == 1).any()
        before = logits(model, [(tokens, reveal)])
        assert set(before) == {(0, i) for i in torch.nonzero(reveal == 1).flatten().tolist()}
        after = logits(model, [(other_values(tokens, torch.nonzero(reveal != 0).flatten()), reveal)])
        assert all(torch.equal(after[key], value) for key, value in before.items())
        if (reveal == 0).any():
            shown = logits(model, [(other_values(tokens, torch.nonzero(reveal == 0).flatten()), reveal)])
            changed += all(not torch.equal(shown[key], value) for key, value in before.items())
    assert changed


@pytest.mark.parametrize("pathway", PATHWAYS)
def test_a_batch_is_a_loop_and_a_seed_is_one_reveal(pathway, generator):
    model, policy = model_of(pathway), SplitTrack((pathway,), context=Context(8))
    drawn = []
    for seed in range(4):
        tokens = sample(pathway, generator)
        reveals = [policy(tokens, torch.Generator().manual_seed(seed)) for _ in range(2)]
        assert torch.equal(*reveals)
        drawn.append((tokens, reveals[0]))
    together = logits(model, drawn)
    for number, one in enumerate(drawn):
        for (_, token), value in logits(model, [one]).items():
            torch.testing.assert_close(together[number, token], value, rtol=1e-11, atol=1e-11)


class Witness:
    """Stands before a model and remembers what it was shown and what it predicted."""

    def __init__(self, model, monkeypatch):
        self.seen, plain = [], model.predict

        def predict(states, batch):
            found = plain(states, batch)
            self.seen.append((batch, found))
            return found

        monkeypatch.setattr(model, "predict", predict)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("pathway", PATHWAYS)
def test_drawing_step_by_step_sees_the_logits_of_training_on_what_is_known_then(pathway, steps, generator, monkeypatch):
    model = model_of(pathway)
    tokens = sample(pathway, generator)
    asked = tokens.of(pathway.asked[0])
    given = torch.cat([asked[:0], *(tokens.of(name) for name in pathway.given if name not in pathway.asked)])
    rest = asked[::2] if pathway.asked[0] in pathway.given else asked[:0]
    asked = asked[1::2] if len(rest) and len(asked) > 1 else asked
    known, unknown = tokens.select(torch.cat([given, rest])), tokens.select(asked)
    witness = Witness(model, monkeypatch)
    sampler = Sampler(model, frozenset(), Choice(), allow_untrained=True)
    drawn = sampler.complete([known], [unknown], steps=steps, seed=5)[0]
    assert torch.equal(sampler.complete([known], [unknown], steps=steps, seed=5)[0].ids, drawn.ids)
    assert len(witness.seen) == 2 * min(steps, len(unknown))
    whole = concatenate([known, drawn])
    for batch, found in witness.seen[: min(steps, len(unknown))]:
        reveal = torch.full((len(whole),), -1)
        reveal[batch.token[batch.content_rows]], reveal[batch.token[batch.query_rows]] = 0, 1
        anew = logits(model, [(whole, reveal)])  # as in training, the finished sample with what was known then
        for p in found.values():
            for row, value in zip(p.rows, p.distribution.logits, strict=True):
                torch.testing.assert_close(anew[0, int(batch.token[row])], value, rtol=1e-11, atol=1e-11)
