"""Tasks say what is wrong with them, and the YAML that comes with the package declares good ones."""

from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from foundation.errors import FoundationError
from foundation.evaluation.tasks import METRICS, Split, Task, check
from foundation.interop.aion_keys import KEYS

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module", params=["evaluate", "aion_evaluate", "aion_simulated"])
def declared(request):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_argument("--tasks", type=tuple[Task, ...])
    parser.add_argument("--settings", type=dict)
    return parser.parse_args(["--config", str(CONFIGS / f"{request.param}.yaml")]).tasks


def test_the_yaml_declares_tasks_of_every_kind(declared):
    assert {t.kind for t in declared} >= {"regression", "classification", "retrieval", "completion"}
    tasks = [Task(**{**vars(t), "split": Split(**vars(t.split))}) for t in declared]
    check(tasks, {})


def test_no_task_of_the_yaml_is_given_its_answer(declared):
    for task in declared:
        assert task.target not in task.inputs
        assert "redshift" not in task.inputs and "tok_z" not in task.inputs


def test_aions_suite_asks_of_its_keys_and_says_what_was_published(declared):
    if not any(t.published for t in declared):
        pytest.skip("no published numbers")
    assert all(name in KEYS for t in declared for name in t.inputs)
    assert {t.kind for t in declared} == {*METRICS}
    assert all(0 < value <= 1 for t in declared for value in t.published.values())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"inputs": ()}, "has no inputs"),
        ({"kind": "retrieval", "few": (10,)}, "a learning curve of 10 objects in a retrieval"),
        ({"rare": "QSO"}, "only a retrieval by label"),
        ({"kind": "segmentation", "target": "segmap", "inputs": ("image", "flux_g")}, "has one image as its input"),
        ({"target": ""}, "has no target"),
        ({"kind": "completion", "target": "image"}, "gives 'image' and asks for it"),
        ({"metrics": ("r3",)}, "no metric 'r3'"),
        ({"kind": "retrieval", "test": "real"}, "Leave `test` out"),
    ],
)
def test_a_wrong_task_says_what_is_wrong(wrong, says):
    good = {"name": "t", "kind": "regression", "inputs": ("image",), "target": "z"}
    Task(**good)
    with pytest.raises(FoundationError, match=says):
        Task(**{**good, **wrong})


@pytest.mark.parametrize("fractions", [(0.0, 0.3), (0.3, 0.0), (0.5, 0.5)])
def test_a_split_leaves_something_for_everyone(fractions):
    with pytest.raises(FoundationError, match="leave some to train"):
        Split(*fractions)


def test_metrics_default_to_those_of_the_kind():
    assert Task("a", "classification", ("image",), "class").scored[0] == "macro_f1"
    assert Task("a", "retrieval", ("image",), gallery=("spectrum_sdss",)).scored == ("recall@1", "recall@10")
    assert Task("a", "regression", ("image",), "z", metrics=("bias",)).scored == ("bias",)


def test_titles_are_words():
    photometric = Task("p", "regression", ("image", "flux_g", "flux_r"), "z")
    assert photometric.title == "z from image + photometry"
    assert Task("t", "classification", ("spectrum_sdss",), "class", test="boss").title.endswith("tested on boss")


def test_check_wants_tasks_with_different_names_and_their_record_sets():
    task = Task("a", "classification", ("image",), "class", test="real")
    check([task], {"real": Path("x")})
    with pytest.raises(FoundationError, match=r"Add `--sets.real DIRECTORY`"):
        check([task], {})
    with pytest.raises(FoundationError, match="share a name"):
        check([task, task], {"real": Path("x")})
    with pytest.raises(FoundationError, match=r"--config configs/evaluate.yaml"):
        check([], {})
