"""Frozen features: the encoder's own states, cached by weights, tokenizers, data and inputs."""

import numpy as np
import pytest
import torch

from foundation.errors import FoundationError
from foundation.evaluation.features import Extractor, TokenStore, pooled, random_encoder, weights_hash
from foundation.evaluation.observations import Observations
from foundation.model.encoding import Features as States
from foundation.tokens import Axis, Space

INPUTS = ("spectrum_sdss", "flux_g")
BOTH = ("spectrum_sdss", "flux_g", "image")


class Counting(Extractor):
    """Says how often it computed."""

    computed = 0

    def _compute(self, *arguments):
        self.computed += 1
        return super()._compute(*arguments)


@pytest.fixture
def store(encoder):
    return TokenStore(encoder, BOTH)


@pytest.fixture
def extract(encoder, store, tmp_path):
    return Counting(encoder, store, tmp_path)


def direct(encoder, observed, index, pool="mean"):
    return encoder.encode(observed.at(index), modalities=list(INPUTS), pool=pool)


def test_features_are_the_encoders_own(extract, encoder, observed):
    index = np.array([7, 2, 90])
    features = extract(observed, INPUTS, index)
    np.testing.assert_allclose(features.pooled, direct(encoder, observed, index).values.numpy(), atol=1e-5)
    states = direct(encoder, observed, index, "none")
    for i in range(3):
        mine = features.tokens[features.begin[i] : features.begin[i] + features.count[i]]
        torch.testing.assert_close(mine.float(), states[i], atol=2e-3, rtol=2e-3)  # stored in half precision


def test_the_second_call_reads_the_cache(extract, observed):
    first = extract(observed, INPUTS, np.arange(20))
    again = extract(observed, INPUTS, np.arange(20))
    assert extract.computed == 1
    np.testing.assert_array_equal(first.pooled, again.pooled)


def test_other_objects_of_the_set_come_from_the_same_file(extract, observed):
    whole = extract(observed, INPUTS, np.arange(20))
    part = extract(observed, INPUTS, np.array([3, 11]))
    assert extract.computed == 1
    np.testing.assert_array_equal(part.pooled, whole.pooled[[3, 11]])


def test_other_inputs_layers_poolings_or_data_are_computed(extract, encoder, store, observed, tmp_path, another_sky):
    index = np.arange(10)
    extract(observed, INPUTS, index)
    extract(observed, ("spectrum_sdss",), index)
    assert extract.computed == 2
    for other in (Counting(encoder, store, tmp_path, layer=1), Counting(encoder, store, tmp_path, pool="spaces")):
        other(observed, INPUTS, index)
        assert other.computed == 1
    extract(Observations.read(another_sky, "another"), INPUTS, index)
    assert extract.computed == 3


def test_changed_weights_are_another_encoder(extract, encoder, store, observed, tmp_path):
    extract(observed, INPUTS, np.arange(10))
    twin = random_encoder(encoder, 1)
    twin.load_state_dict(encoder.state_dict())
    same = Counting(twin, store, tmp_path)
    same(observed, INPUTS, np.arange(10))
    assert same.computed == 0
    with torch.no_grad():
        next(twin.parameters()).view(-1)[0] += 1e-3
    changed = Counting(twin, store, tmp_path)
    changed(observed, INPUTS, np.arange(10))
    assert changed.computed == 1


def test_the_order_of_the_inputs_does_not_matter(extract, observed):
    extract(observed, INPUTS, np.arange(10))
    extract(observed, INPUTS[::-1], np.arange(10))
    assert extract.computed == 1


def test_spaces_stand_side_by_side(encoder, store, observed, tmp_path):
    features = Extractor(encoder, store, tmp_path, pool="spaces")(observed, INPUTS, np.array([5]))
    expected = direct(encoder, observed, [5], "spaces")
    place = [expected.names.index(n) for n in INPUTS]
    np.testing.assert_allclose(features.pooled[0], expected.values[0, place].flatten().numpy(), atol=1e-5)


def test_places_are_means_of_cells_of_each_axis():
    """Of an image of 8 x 8 tokens and a number; the second object lacks the number."""
    axis = Axis("y", "arcsec", 0, 7, 1)
    image, flux = Space("image", "discrete", 4, (axis, axis)), Space("flux", "discrete", 4)
    values = torch.randn(129, 3)
    grid = torch.cartesian_prod(torch.arange(8.0), torch.arange(8.0))
    position = torch.cat([grid, torch.zeros(1, 2), grid]).double()
    space = torch.tensor([0] * 64 + [1] + [0] * 64)
    states = States(values, ("image", "flux"), torch.ones(2, 2) > 0, torch.tensor([0, 65, 129]), space, position)
    found = pooled(states, [flux, image], "places").view(2, 17, 3)
    for object, rows in enumerate((values[:64], values[65:])):
        expected = rows.view(4, 2, 4, 2, 3).mean((1, 3)).flatten(0, 1)
        torch.testing.assert_close(found[object, 1:], expected)
    torch.testing.assert_close(found[0, 0], values[64])
    assert found[1, 0].isnan().all()


def test_a_token_lies_in_the_middle_of_what_it_covers():
    """Three tokens cover an axis of 16 places: their middles are at a sixth, a half and five sixths."""
    space = Space("spectrum", "discrete", 4, (Axis("wavelength", "Å", 0, 2, 1),))
    tokens, position = torch.zeros(3, dtype=torch.long), torch.arange(3.0).double()[:, None]
    states = States(torch.eye(3), ("spectrum",), torch.ones(1, 1) > 0, torch.tensor([0, 3]), tokens, position)
    found = pooled(states, [space], "places").view(16, 3)
    assert [int(row.argmax()) for row in found if not row.isnan().any()] == [0, 1, 2]
    assert torch.nonzero(~found.isnan().any(1)).flatten().tolist() == [16 // 6, 16 // 2, 16 * 5 // 6]


def test_a_question_may_pool_otherwise(extract, encoder, store, observed, tmp_path):
    index = np.array([5])
    other = Extractor(encoder, store, tmp_path, pool="places")(observed, INPUTS, index)
    np.testing.assert_array_equal(extract(observed, INPUTS, index, "places").pooled, other.pooled)
    assert extract.computed == 0 and extract(observed, INPUTS, index).pooled.shape != other.pooled.shape


def test_a_layer_is_that_layer(encoder, store, observed, tmp_path):
    features = Extractor(encoder, store, tmp_path, layer=1)(observed, INPUTS, np.array([5]))
    expected = encoder.encode(observed.at([5]), layer=1, modalities=list(INPUTS)).values
    np.testing.assert_allclose(features.pooled, expected.numpy(), atol=1e-5)


def test_a_damaged_cache_says_what_to_do(extract, observed, tmp_path):
    extract(observed, INPUTS, np.arange(10))
    file = next(tmp_path.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(FoundationError, match=r"damaged.*Delete the file"):
        extract(observed, INPUTS, np.arange(10))


def test_tokens_are_made_once(store, observed):
    assert store.of(observed) is store.of(observed)
    assert len(store.of(observed)) == len(observed)
    assert store.of(observed)[0].names() == ("spectrum_sdss", "image", "flux_g")


def test_random_encoders_differ_by_seed_and_keep_the_global_generator(encoder):
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    first, again, other = (random_encoder(encoder, seed) for seed in (0, 0, 1))
    torch.testing.assert_close(torch.rand(2), expected)
    assert weights_hash(first) == weights_hash(again)
    assert len({weights_hash(m) for m in (encoder, first, other)}) == 3
    assert not first.training


def test_weights_hash_knows_names_and_shapes():
    flat, tall = torch.nn.Linear(4, 1, bias=False), torch.nn.Linear(1, 4, bias=False)
    tall.weight.data = flat.weight.data.T.contiguous()
    assert weights_hash(flat) != weights_hash(tall)
