import math

import pytest
import torch

from foundation.errors import FoundationError
from foundation.tokens import AXES, Axis, Space, Tokens, concatenate

WAVELENGTH = Axis("wavelength", "Angstrom", 3600.0, 9800.0, 22.7)
SPECTRUM = Space("spectrum", "discrete", 50, (WAVELENGTH,))
PATCH = Space("patch", "continuous", 3, (Axis("x", "arcsec", -1.0, 1.0, 0.5), Axis("y", "arcsec", -1.0, 1.0, 0.5)))
REDSHIFT = Space("z", "discrete", 11)


def spectrum(ids, **options):
    position = torch.linspace(3600, 9800, len(ids), dtype=torch.float64)[:, None]
    return Tokens.of_space(SPECTRUM, torch.tensor(ids), position, **options)


def patches(n, generator):
    return Tokens.of_space(
        PATCH, torch.randn(n, 3, generator=generator), torch.rand(n, 2, generator=generator).double()
    )


def test_of_space_keeps_codes_positions_and_track():
    tokens = spectrum([4, 7, 1], track=2)
    assert tokens.ids.tolist() == [4, 7, 1] and tokens.track.tolist() == [2, 2, 2] and len(tokens) == 3
    assert tokens.position.shape == (3, AXES) and tokens.position.dtype == torch.float64
    assert tokens.position[:, 0].tolist() == [3600, 6700, 9800] and not tokens.position[:, 1:].any()


def test_continuous_ids_are_rows_of_vectors(generator):
    values = torch.randn(4, 3, generator=generator)
    tokens = Tokens.of_space(PATCH, values, torch.zeros(4, 2, dtype=torch.float64))
    assert torch.equal(tokens.vectors["patch"][tokens.ids], values)


def test_select_keeps_what_ids_mean(generator):
    tokens = concatenate([spectrum([4, 7, 1]), patches(5, generator)])
    chosen = tokens.select(torch.tensor([6, 0, 3]))
    assert chosen.ids[1] == 4 and chosen.names() == ("spectrum", "patch")
    assert torch.equal(chosen.vectors["patch"][chosen.ids[0]], tokens.vectors["patch"][3])
    assert torch.equal(tokens.select(tokens.space == 0).ids, torch.tensor([4, 7, 1]))


def test_of_finds_the_tokens_of_a_space(generator):
    tokens = concatenate([spectrum([1, 2]), patches(2, generator), spectrum([3])])
    assert tokens.of("spectrum").tolist() == [0, 1, 4] and tokens.of("patch").tolist() == [2, 3]
    assert tokens.of("nothing").tolist() == []


def test_concatenate_keeps_every_token_and_its_vector(generator):
    parts = [
        patches(2, generator),
        spectrum([5, 6]),
        patches(3, generator),
        Tokens.of_space(REDSHIFT, torch.tensor([9])),
    ]
    whole = concatenate(parts)
    assert [whole.spaces[i].name for i in whole.space] == ["patch"] * 2 + ["spectrum"] * 2 + ["patch"] * 3 + ["z"]
    expected = torch.cat([parts[0].vectors["patch"], parts[2].vectors["patch"]])
    assert torch.equal(whole.vectors["patch"][whole.ids[whole.of("patch")]], expected)
    assert whole.ids[whole.of("spectrum")].tolist() == [5, 6] and whole.ids[-1] == 9
    assert torch.equal(whole.position, torch.cat([p.position for p in parts]))


def test_concatenate_nested_shifts_vectors_once(generator):
    a, b, c = (patches(n, generator) for n in (2, 3, 4))
    left, right = concatenate([concatenate([a, b]), c]), concatenate([a, concatenate([b, c])])
    assert torch.equal(left.vectors["patch"][left.ids], right.vectors["patch"][right.ids])


def test_concatenate_refuses_nothing_and_disagreement():
    with pytest.raises(FoundationError, match="No tokens"):
        concatenate([])
    other = Tokens.of_space(Space("spectrum", "discrete", 51), torch.tensor([0]))
    with pytest.raises(FoundationError, match="disagree on space 'spectrum'"):
        concatenate([spectrum([1]), other])


@pytest.mark.parametrize(
    ("low", "high", "step", "count"), [(0.0, 10.0, 1.0, 11), (3.0, 3.0, 1.0, 1), (-1.0, 1.0, 0.1, 21)]
)
def test_axis_counts_grid_points(low, high, step, count):
    assert Axis("x", "m", low, high, step).count == count


@pytest.mark.parametrize(
    ("low", "high", "step"), [(1.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.0, 1.0, -1.0), (math.nan, 1.0, 1.0)]
)
def test_axis_refuses_an_empty_range(low, high, step):
    with pytest.raises(ValueError, match="want low <= high"):
        Axis("x", "m", low, high, step)


def test_space_refuses_what_is_no_space():
    with pytest.raises(ValueError, match="Use 'discrete' or 'continuous'"):
        Space("a", "other", 3)
    with pytest.raises(ValueError, match="size 0"):
        Space("a", "discrete", 0)
    with pytest.raises(ValueError, match="5 axes"):
        Space("a", "discrete", 2, (WAVELENGTH,) * 5)
