import numpy as np
import pytest
import torch

from foundation.errors import FoundationError
from foundation.kernels.prologue import rotate
from foundation.model.position import SEQUENCE, GridSines, Learned, Rotary, Sinusoidal
from foundation.tokens import AXES, Axis, Space

WAVELENGTH = Axis("wavelength", "Angstrom", 3600.0, 10400.0, 20.0)
LINE = Space("line", "discrete", 5, (WAVELENGTH,))
PLANE = Space("plane", "discrete", 5, (Axis("x", "arcsec", -12.0, 12.0, 1.0), Axis("y", "arcsec", -12.0, 12.0, 0.5)))
POINT = Space("point", "discrete", 5)
CUBE = Space("cube", "discrete", 5, tuple(Axis(n, "m", 0.0, 7.0, 1.0) for n in "txy"))
SPACES = (LINE, PLANE, POINT, CUBE)
LIKE = torch.zeros((), dtype=torch.float64)


def at(*coordinates):
    """Positions [n, AXES] from rows of coordinates."""
    position = torch.zeros(len(coordinates), AXES, dtype=torch.float64)
    for row, values in zip(position, coordinates, strict=True):
        row[: len(values)] = torch.tensor(values, dtype=torch.float64)
    return position


def space(index, n=1):
    return torch.full((n,), index)


def by_hand(x, axis, channels):
    """sin and cos of x over periods geometric from twice the step to twice the range, in NumPy."""
    periods = np.geomspace(2 * axis.step, 2 * (axis.high - axis.low), channels)
    return np.sin(2 * np.pi * x / periods), np.cos(2 * np.pi * x / periods)


def test_sinusoids_of_one_axis():
    out = Sinusoidal(SPACES, 16)(space(0), at([5007.3]), LIKE)[0]
    np.testing.assert_allclose(out, np.concatenate(by_hand(5007.3, WAVELENGTH, 8)), atol=1e-9)


def test_width_is_split_equally_among_axes():
    out = Sinusoidal(SPACES, 16)(space(1), at([3.3, -7.25]), LIKE)[0].view(2, 2, 4)  # [sin or cos, axis, channel]
    for a, (x, axis) in enumerate(zip((3.3, -7.25), PLANE.axes, strict=True)):
        np.testing.assert_allclose(out[:, a], by_hand(x, axis, 4), atol=1e-9)


def test_a_space_without_axes_has_phase_zero_wherever_it_lies():
    out = Sinusoidal(SPACES, 16)(space(2, 2), at([0.0], [17.0]), LIKE)
    assert torch.equal(out, torch.tensor([[0.0] * 8 + [1.0] * 8] * 2, dtype=torch.float64))


def test_spaces_mix_row_by_row():
    code = Sinusoidal(SPACES, 16)
    position = at([4000.0], [1.0, 2.0], [0.0], [1.0, 2.0, 3.0])
    mixed = code(torch.arange(4), position, LIKE)
    for i in range(4):
        assert torch.equal(mixed[i : i + 1], code(space(i), position[i : i + 1], LIKE))


def test_phase_survives_float32_and_a_bfloat16_module():
    """1e4 Å at a period of 0.02 Å: float32 alone would have lost the phase altogether."""
    fine = Space("fine", "discrete", 5, (Axis("wavelength", "Angstrom", 3000.0, 11000.0, 0.01),))
    x = np.linspace(9000, 10000, 50)
    expected = np.concatenate(by_hand(x[:, None], fine.axes[0], 8), axis=1)
    for code, like in ((Sinusoidal([fine], 16), torch.zeros(())), (Sinusoidal([fine], 16).bfloat16(), torch.zeros(()))):
        out = code(space(0, 50), at(*x[:, None]), like)
        assert out.dtype == torch.float32
        np.testing.assert_allclose(out, expected, atol=2e-6)


def test_axes_of_one_name_share_their_code():
    """The same wavelength looks the same in two surveys of different range."""
    blue = Space("blue", "discrete", 5, (Axis("wavelength", "Angstrom", 3600.0, 9000.0, 25.0),))
    code = Sinusoidal([LINE, blue], 32)
    position = at([5000.0], [5000.0])
    out = code(torch.tensor([0, 1]), position, LIKE)
    assert torch.equal(out[0], out[1])
    other = Space("time", "discrete", 5, (Axis("time", "s", 3600.0, 9000.0, 25.0),))
    out = Sinusoidal([LINE, other], 32)(torch.tensor([0, 1]), position, LIKE)
    assert not torch.allclose(out[0], out[1])


def test_learned_table_has_a_row_for_each_grid_point():
    table = Learned(SPACES, 6)
    with torch.no_grad():
        table.table.weight.copy_(torch.arange(len(table.table.weight))[:, None].expand(-1, 6))
        table.table.weight[0] = 0
    counts = [341, 25, 49, 8, 8, 8]  # grid points of all axes in turn; row 0 is for no axis
    first = 1 + np.cumsum([0, *counts])
    assert len(table.table.weight) == first[-1]
    out = table(
        torch.tensor([0, 0, 0, 1, 2, 3]), at([3600.0], [3629.9], [10400.0], [-12.0, 12.0], [], [0.0, 1.0, 7.0]), LIKE
    )
    expected = [
        first[0],
        first[0] + 1,
        first[1] - 1,
        first[1] + first[3] - 1,
        0,
        first[3] + first[4] + 1 + first[5] + 7,
    ]
    assert out[:, 0].tolist() == expected


@pytest.mark.parametrize("x", [3500.0, 10500.0])
def test_learned_table_refuses_what_is_off_its_grid(x):
    with pytest.raises(FoundationError, match=r"'line' has position .* on axis 0, outside"):
        Learned(SPACES, 6)(space(0), at([x]), LIKE)


def grid_code(index, channels):
    """[sin, cos] of index * 10000^(-k / channels), by the definition."""
    angle = index * 10000.0 ** (-np.arange(channels) / channels)
    return np.concatenate([np.sin(angle), np.cos(angle)])


def test_grid_sines_count_the_points_of_plane_row_point_and_sequence():
    sequence = Space("words", "discrete", 5, (Axis(SEQUENCE, "", 0.0, 49.0, 1.0),))
    code = GridSines((LINE, PLANE, POINT, sequence), 16)
    out = code(torch.arange(4), at([3640.3], [-9.0, 11.5], [5.0], [7.0]), LIKE).numpy()
    expected = [
        np.concatenate([grid_code(0, 4), grid_code(2, 4)]),
        np.concatenate([grid_code(3, 4), grid_code(47, 4)]),
        np.concatenate([grid_code(0, 4), grid_code(0, 4)]),
        grid_code(7, 8),
    ]
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_grid_sines_refuse_what_has_no_code():
    with pytest.raises(FoundationError, match="width 16 for cube"):
        GridSines(SPACES, 16)
    with pytest.raises(FoundationError, match="width 6 for these spaces"):
        GridSines((LINE,), 6)
    with pytest.raises(FoundationError, match=r"'line' has position .* on axis 0, outside"):
        GridSines((LINE,), 8)(space(0), at([3500.0]), LIKE)


def test_row_of_no_axis_is_not_trained():
    table = Learned(SPACES, 6)
    table(space(2), at([0.0]), LIKE).sum().backward()
    assert not table.table.weight.grad.any()


def test_rotation_depends_on_distance_alone(generator):
    """The score of two rotated rows is a function of their physical distance."""
    rotary = Rotary(SPACES, 16)
    q, k = torch.randn(2, 1, 1, 16, dtype=torch.float64, generator=generator)

    def score(x, y):
        return (rotate(q, rotary(space(0), at([x]), LIKE)) * rotate(k, rotary(space(0), at([y]), LIKE))).sum()

    torch.testing.assert_close(score(4000.0, 4100.0), score(8000.0, 8100.0), rtol=1e-9, atol=1e-9)
    assert not torch.isclose(score(4000.0, 4100.0), score(4000.0, 4200.0))


def test_rotation_keeps_length_and_rotates_pairs(generator):
    x = torch.randn(3, 2, 8, dtype=torch.float64, generator=generator)
    turns = Rotary([LINE], 8)(space(0, 3), at([4000.0], [5000.0], [6000.0]), LIKE)
    out = rotate(x, turns)
    torch.testing.assert_close(out.norm(dim=-1), x.norm(dim=-1))
    turned = torch.complex(x[..., :4], x[..., 4:]) * torch.exp(2j * torch.pi * turns)[:, None]
    torch.testing.assert_close(torch.complex(out[..., :4], out[..., 4:]), turned)


def test_pairs_left_over_and_spaces_without_axes_are_not_rotated():
    rotary = Rotary(SPACES, 16)  # 8 pairs: two for each of three axes, two left over
    turns = rotary(space(3), at([1.0, 2.0, 3.0]), LIKE)
    assert not turns[0, 6:].any() and turns[0, :6].any()
    assert not rotary(space(2), at([0.0]), LIKE).any()
