"""The section of a report, its pictures and videos: for lines, planes and volumes, and what the table says."""

import numpy as np
import pytest
import torch
from PIL import Image

from foundation.errors import FoundationError
from foundation.evaluation.fields.forecaster import with_baselines
from foundation.evaluation.fields.pictures import errors_over_horizon, frames_compared, plane
from foundation.evaluation.fields.roll import compare, one_step
from foundation.evaluation.fields.section import section, windows
from foundation.evaluation.fields.video import write_video
from foundation.evaluation.report import Picture, Report, Table, write_report


def knowing(context, steps):
    last = torch.from_numpy(context.values[-1])
    return torch.stack([last.roll(t, 1) for t in range(1, steps + 1)])


def test_section_in_a_report(waves, tmp_path):
    forecasters, samples = with_baselines({"knows": knowing}), waves[:1]
    near, far = one_step(forecasters, samples, 2), compare(forecasters, samples, 2, 25)
    found = section("moving waves", forecasters, samples, 2, 25, near, far)
    table = next(b for b in found.blocks if isinstance(b, Table))
    assert table.columns[:4] == ["forecaster", "VRMSE, 1 step", "VRMSE, 1:20", "VRMSE, 20:25"]
    assert [row[0] for row in table.rows] == ["knows", "persistence", "linear"]
    assert {(0, 1), (0, 2), (0, 3), (0, 7)} <= table.best
    assert float(table.rows[0][7]) == 25 and table.rows[0][8] == "0"
    names = [b.name for b in found.blocks if isinstance(b, Picture)]
    assert names == [f"moving_waves_{n}" for n in ("vrmse", "pearson", "bands", "tracer", "pressure")]
    write_report(Report("Waves", [found]), tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text().count("<img") == 5


@pytest.mark.parametrize(
    ("steps", "wanted"), [(5, [(1, 5)]), (20, [(1, 20)]), (90, [(1, 20), (20, 60)]), (1, [(1, 1)])]
)
def test_windows_of_a_roll_out(steps, wanted):
    assert windows(steps) == wanted


@pytest.mark.parametrize("space", [(16,), (16, 8), (8, 6, 4)])
def test_frames_of_any_dimension(space, generator):
    true = torch.randn(3, *space, generator=generator).numpy()
    diverged = np.where(np.arange(3).reshape(-1, *[1] * len(space)) > 1, np.nan, true + 0.1)
    assert frames_compared("u", true, {"model": diverged}).startswith(b"\x89PNG")


def test_a_flat_field_can_be_drawn():
    assert frames_compared("u", np.zeros((1, 4, 4)), {"model": np.full((1, 4, 4), np.nan)}).startswith(b"\x89PNG")


def test_many_panels():
    curves = {"model": np.linspace(0.1, 2, 40).reshape(4, 10), "persistence": np.ones((4, 10))}
    assert errors_over_horizon("vrmse", curves, [f"f{i}" for i in range(10)]).startswith(b"\x89PNG")


def test_the_plane_of_a_volume_is_its_middle():
    volume = np.arange(24).reshape(2, 3, 4).astype(float)
    assert np.array_equal(plane(volume), volume[:, :, 2]) and plane(volume[0, 0]).shape == (4, 1)


def test_video_has_a_picture_a_step(waves, tmp_path):
    true = waves[0].values[:6, 0]
    write_video(tmp_path / "w.gif", "tracer", true, {"model": true[::-1].copy()}, fps=5)
    with Image.open(tmp_path / "w.gif") as video:
        assert video.n_frames == 6 and video.info["duration"] == 200
    assert [p.name for p in tmp_path.iterdir()] == ["w.gif"]


def test_other_videos_are_refused(tmp_path, monkeypatch):
    with pytest.raises(FoundationError, match=r"ends in \.gif or \.mp4"):
        write_video(tmp_path / "w.avi", "u", np.zeros((2, 4, 4)), {})
    monkeypatch.setattr("foundation.evaluation.fields.video.writers.is_available", lambda name: False)
    with pytest.raises(FoundationError, match=r"needs ffmpeg\. Install it, or give a name that ends in \.gif"):
        write_video(tmp_path / "w.mp4", "u", np.zeros((2, 4, 4)), {})
