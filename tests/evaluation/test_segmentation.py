"""Masks from grids of tokens: the geometry, the score, and a planted answer that the head finds."""

import numpy as np
import pytest
import torch

from foundation.data.records import Image
from foundation.data.simulate.sky import SkySurvey
from foundation.errors import FoundationError
from foundation.evaluation.problem import Features
from foundation.evaluation.segmentation import Grid, overlap, raw_cells, segment, token_cells
from foundation.evaluation.split import Parts
from foundation.evaluation.tasks import Task

N, GRID = 120, Grid(4, 3)
TASK = Task("arms", "segmentation", ("image",), "segmap")


@pytest.fixture(scope="module")
def masks():
    """A bright block somewhere on 4 x 4 places of 3 x 3 pixels, with a corner cut out."""
    rng = np.random.default_rng(0)
    masks = np.zeros((N, 12, 12), np.float32)
    for mask in masks:
        y, x = 3 * rng.integers(0, 3, 2)
        mask[y : y + 6, x : x + 6] = 1
        mask[y, x] = 0
    return masks


@pytest.fixture(scope="module")
def parts():
    return Parts(np.arange(70), np.arange(70, 90), np.arange(90, N))


def tokens_of(masks, noise, seed=0):
    """Tokens row by row, each with the pixels of its place and something else."""
    rng = np.random.default_rng(seed)
    folded = masks.reshape(N, 4, 3, 4, 3).transpose(0, 1, 3, 2, 4).reshape(N * 16, 9)
    tokens = np.concatenate([folded + rng.normal(0, noise, folded.shape), rng.normal(size=(N * 16, 4))], 1)
    begin, count = torch.arange(N) * 16, torch.full((N,), 16)
    return Features(np.zeros((N, 1), np.float32), torch.from_numpy(tokens.astype(np.float32)), begin, count)


def test_what_tokens_say_of_their_places_is_found(masks, parts):
    outcome = segment(TASK, "encoder", token_cells(tokens_of(masks, 0.2), GRID), masks, parts, [0])
    assert outcome.test.tolist() == parts.test.tolist() and outcome.values["iou"].mean() > 0.9
    blind = segment(TASK, "encoder", token_cells(tokens_of(masks, 1e3), GRID), masks, parts, [0])
    assert blind.values["iou"].mean() < 0.6


def test_cells_are_the_tokens_of_an_object_in_rows(masks):
    features = tokens_of(masks, 0.0)
    cells = token_cells(features, GRID)(np.array([5, 2]))
    assert cells.shape == (2, 13, 4, 4)
    torch.testing.assert_close(cells[0, :, 1, 2], features.tokens[5 * 16 + 6])
    mine = raw_cells([Image(m[None], ("plane",), 1.0, np.ones((1, 12, 12))) for m in masks], GRID)(np.array([3]))
    np.testing.assert_allclose(mine[0, :, 0, 1], np.arcsinh(masks[3, :3, 3:6].ravel() / 0.05), rtol=1e-6)


def test_overlap():
    found, true = np.zeros((3, 4, 4), bool), np.zeros((3, 4, 4), bool)
    found[0, :2], true[0, 1:3], found[1, 0, 0] = True, True, True
    np.testing.assert_array_equal(overlap(found, true), [4 / 12, 0, np.nan])


def test_grids_in_pixels_of_the_mask():
    mask = Image(np.ones((1, 20, 30)), ("plane",), 0.262, np.ones((1, 20, 30)))
    grid = Grid.of(36, 4 * 0.262, mask)
    assert (grid.side, grid.pixels) == (6, 4)
    cut = grid.crop(np.arange(600.0).reshape(1, 20, 30))
    assert cut.shape == (1, 24, 24) and (cut[0, :2] == 0).all() and cut[0, 2, 0] == 3.0
    with pytest.raises(FoundationError, match="square of tokens"):
        Grid.of(35, 1.0, mask)


def test_other_features_are_refused(masks):
    with pytest.raises(FoundationError, match="have none"):
        token_cells(Features(np.zeros((3, 2))), GRID)
    with pytest.raises(FoundationError, match="Name one image modality"):
        token_cells(tokens_of(masks, 0.1), Grid(5, 3))


def test_simulated_objects_come_with_the_pixels_they_rule():
    plain, with_map = SkySurvey(seed=2), SkySurvey(seed=2, segmap=True)
    areas = []
    for i in range(8):
        one, other = plain.sample(i), with_map.sample(i)
        assert set(other) - set(one) == ({"segmap"} if "image" in one else set())
        if "image" in other:
            np.testing.assert_array_equal(one["image"].flux, other["image"].flux)
            plane = other["segmap"].flux[0]
            assert set(np.unique(plane)) <= {0, 1} and plane.shape == other["image"].flux.shape[1:]
            areas.append(plane.sum())
            if plane.any():
                assert np.abs(np.argwhere(plane).mean(0) - 31.5).max() < 6, "about the centre"
    assert max(areas) > 20
