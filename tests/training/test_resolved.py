"""The resolved configuration is plain, complete and tells runs apart."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from foundation.config import DataConfig, OptimConfig
from foundation.errors import FoundationError
from foundation.masking.budget import RandomBudget
from foundation.masking.policy import Mixture
from foundation.training import resolved


def test_plain_values_survive_yaml(tmp_path):
    value = {"data": resolved.plain(DataConfig(Path("a/b"), modalities=("image",)))}
    resolved.write(value, tmp_path / "config.yaml")
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == value
    assert value["data"]["train"] == "a/b"
    assert value["data"]["modalities"] == ["image"]
    assert value["data"]["validation"] is None


def test_policies_are_told_by_class_and_arguments():
    mixture = Mixture((RandomBudget(given=(4, 8)), RandomBudget(asked=2)), (0.25, 0.75))
    found = resolved.by_class(mixture)
    assert found["class_path"] == "foundation.masking.policy.Mixture"
    first, second = found["init_args"]["policies"]
    assert first["class_path"] == "foundation.masking.budget.RandomBudget"
    assert first["init_args"]["given"] == [4, 8]
    assert second["init_args"]["asked"] == 2
    assert found["init_args"]["weights"] == [0.25, 0.75]


def test_objects_inside_are_told_too():
    @dataclass(frozen=True)
    class Outer:
        inner: OptimConfig

    assert resolved.by_class(Outer(OptimConfig()))["init_args"]["inner"]["init_args"]["peak_rate"] == 2e-4


def sections(data=None, **more):
    data = data or DataConfig(Path("tokens"))
    return {"data": resolved.plain(data), "seed": 0, "policy": resolved.by_class(RandomBudget()), **more}


@pytest.mark.parametrize("change", [{"workers": 7}, {"train": Path("moved")}, {"validation": Path("held-out")}])
def test_what_changes_no_batch_is_free(change):
    now = sections(replace(DataConfig(Path("tokens")), **change))
    resolved.check_same(now, sections(), Path("last.ckpt"))


def test_trainer_and_optimiser_are_free():
    resolved.check_same(sections(trainer={"max_steps": 9}, optim={}), sections(), Path("last.ckpt"))


@pytest.mark.parametrize(
    ("now", "name"),
    [
        (sections(replace(DataConfig(Path("tokens")), window=7)), "data.window = 512, this run has 7"),
        (sections() | {"seed": 3}, "seed = 0, this run has 3"),
        (sections() | {"policy": resolved.by_class(RandomBudget(asked=1))}, "policy.init_args.asked = 128"),
    ],
)
def test_the_first_difference_is_named(now, name):
    with pytest.raises(FoundationError, match=name):
        resolved.check_same(now, sections(), Path("last.ckpt"))
