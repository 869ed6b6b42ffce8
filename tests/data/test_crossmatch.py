"""Objects seen by several surveys become one, and those of one cell of the sky stay together."""

import numpy as np
import pytest

from foundation.__main__ import main
from foundation.data.crossmatch import reciprocal
from foundation.data.healpix import cells
from foundation.data.records import Sample, Scalar
from foundation.data.shards import RecordShards, write_records

ARCSEC = 1 / 3600


def write(path, name, places, **labels):
    samples = [
        Sample(f"{name}-{i}", {name: Scalar(float(i), name)}, labels | {"own": name}, {"ra": ra, "dec": dec})
        for i, (ra, dec) in enumerate(places)
    ]
    write_records(samples, path, samples_per_member=3)
    return path


@pytest.fixture
def sets(tmp_path):
    """Ten places; the second survey saw some of them, in another order and a little beside, and two places more."""
    rng = np.random.default_rng(0)
    first = np.stack([rng.uniform(0, 360, 10), rng.uniform(-60, 60, 10)], 1)
    order = [7, 2, 9, 0]
    second = np.concatenate([first[order] + [[0, 0.4 * ARCSEC]], [[1.0, 80.0], [2.0, 81.0]]])
    return write(tmp_path / "a", "flux_g", first, z=0.5), write(tmp_path / "b", "flux_r", second), order


def run(sets, out, *options):
    assert main(["crossmatch", *map(str, sets), "--out", str(out), *options]) == 0
    return list(RecordShards(out))


def test_pairs(sets, tmp_path, capsys):
    a, b, order = sets
    joined = run((a, b), tmp_path / "out")
    assert [s.key for s in joined] == [f"flux_g-{i}" for i in sorted(order)]
    for sample in joined:
        place = int(sample["flux_g"].value)
        assert order[int(sample["flux_r"].value)] == place
        assert sample.labels == {"z": 0.5, "own": "flux_g", "key_2": f"flux_r-{order.index(place)}"}
    assert "4 objects; matches with the others: 4" in capsys.readouterr().out


@pytest.mark.parametrize(("keep", "count", "both"), [("first", 10, 4), ("all", 12, 4)])
def test_objects_without_a_partner(sets, tmp_path, keep, count, both):
    joined = run(sets[:2], tmp_path / "out", "--keep", keep)
    assert len(joined) == count and sum(len(s) == 2 for s in joined) == both
    assert len({s.key for s in joined}) == count


def test_three_sets(sets, tmp_path):
    a, b, _ = sets
    places = [[s.origin["ra"], s.origin["dec"]] for s in RecordShards(a)]
    c = write(tmp_path / "c", "flux_i", [places[i] for i in (2, 3, 9)])
    joined = run((a, b, c), tmp_path / "out")
    assert [s.key for s in joined] == ["flux_g-2", "flux_g-9"] and all(len(s) == 3 for s in joined)
    assert joined[0].labels["key_3"] == "flux_i-0"


def test_only_the_nearest_of_two_is_taken():
    first = np.array([[10.0, 0.0], [10.0, 0.8 * ARCSEC]])
    other = np.array([[10.0, 0.5 * ARCSEC], [200.0, 0.0]])
    assert reciprocal(first, other, 1.0).tolist() == [-1, 0]
    assert reciprocal(first, other, 0.1).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [(["--radius", "0"], "Give two or more, and a radius above 0"), (["--radius", "0.001"], "has a neighbour")],
)
def test_refusals(sets, tmp_path, capsys, options, sentence):
    assert main(["crossmatch", *map(str, sets[:2]), "--out", str(tmp_path / "out"), *options]) == 1
    assert sentence in capsys.readouterr().err
    write_records([Sample("x", {"flux_z": Scalar(1.0, "flux_z")})], tmp_path / "nowhere")
    assert main(["crossmatch", str(sets[0]), str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 1
    assert "1 objects have no position" in capsys.readouterr().err


def test_parts_are_whole_cells_and_the_same_in_every_set(tmp_path, capsys):
    rng = np.random.default_rng(1)
    places = np.stack([rng.uniform(0, 360, 600), np.degrees(np.arcsin(rng.uniform(-1, 1, 600)))], 1)
    found = {}
    for name, rows in (("flux_g", places), ("flux_r", places[::3])):
        records = write(tmp_path / name, name, rows)
        out = tmp_path / f"{name}_parts"
        assert main(["partition", str(records), "--out", str(out), "--nside", "4", "--test", "0.2"]) == 0
        for part in ("train", "validation", "test"):
            where = [(s.origin["ra"], s.origin["dec"]) for s in RecordShards(out / part)]
            found[name, part] = set(cells(*np.array(where).T, 4).tolist())
    whole = [found["flux_g", part] for part in ("train", "validation", "test")]
    assert sum(map(len, whole)) == len(set().union(*whole)), "no cell is in two parts"
    assert all(found["flux_r", part] <= found["flux_g", part] for part in ("train", "validation", "test"))
    assert 0.1 < len(whole[2]) / 192 < 0.3 and 0.04 < len(whole[1]) / 192 < 0.18
    assert main(["partition", str(tmp_path / "flux_g"), "--out", str(tmp_path / "x"), "--test", "0.95"]) == 1
    assert "leave some to train on" in capsys.readouterr().err
