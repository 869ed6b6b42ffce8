"""Results of the experiment as a JSON file that grows with each contestant, so that a stopped run can go on."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from foundation.errors import FoundationError
from foundation.evaluation.anchored.experiment import Budget, Outcome
from foundation.evaluation.anchored.metrics import Metrics
from foundation.evaluation.anchored.task import Task
from foundation.files import whole_file


def write_results(path: Path, task: Task, budget: Budget, outcomes: Mapping[str, Outcome], **more: object) -> None:
    """Write what is known so far."""
    content = {"variant": task.variant, "budget": asdict(budget)} | more
    content["outcomes"] = {name: asdict(outcome) for name, outcome in outcomes.items()}
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")


def read_results(path: Path, task: Task, budget: Budget) -> dict[str, Outcome]:
    """What an earlier run of the same variant and budget found; nothing if there is no file.

    Raises:
        FoundationError: the file is of another variant or budget, or damaged.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
        if (content["variant"], content["budget"]) != (task.variant, asdict(budget)):
            raise FoundationError(f"{path} is of another variant or budget. Give another `--out`.")
        return {name: _outcome(stored) for name, stored in content["outcomes"].items()}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise FoundationError(f"{path} is damaged ({error}). Remove it, or give another `--out`.") from error


def _outcome(stored: dict[str, Any]) -> Outcome:
    early, seconds = tuple(stored["early"]), tuple(stored["seconds"])
    return Outcome(Metrics(**stored["metrics"]), early, stored["loss"], stored["passes"], seconds)
