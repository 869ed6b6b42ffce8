"""The `evaluate` verb: probe a frozen encoder on tasks, beside its baselines; write numbers and a report."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from foundation.evaluation.added import as_rows, what_was_added
from foundation.evaluation.compose import compose
from foundation.evaluation.observations import Observations
from foundation.evaluation.report import write_pictures, write_report
from foundation.evaluation.results import TaskResult, environment, summarise, write_results, write_splits
from foundation.evaluation.suite import MAIN, Settings, Suite
from foundation.evaluation.tasks import Task, check
from foundation.evaluation.words import story
from foundation.model.pretrained import FoundationModel


def evaluate(
    model: Path,
    records: Path,
    *,
    out: Path,
    tasks: tuple[Task, ...] = (),
    sets: dict[str, Path] | None = None,
    settings: Settings = Settings(),  # noqa: B008  frozen
    runs: tuple[Path, ...] = (),
    report: Path | None = None,
    limit: int | None = None,
    device: str = "cpu",
) -> list[TaskResult]:
    """Ask a frozen encoder questions, and the baselines the same ones.

    Writes results.json, report.html, pictures/ and splits/ into the directory `out`, and caches features there. Tasks
    that ask the same of the same objects with more inputs are compared with each other.

    Example:
        foundation evaluate runs/sky/export data/sky_test --config configs/evaluate.yaml --out runs/sky/evaluation

    Args:
        model: directory of an exported model, or a hub name.
        records: record shards the encoder was not trained on; tasks split them by object.
        out: directory of the results.
        tasks: the questions; see configs/evaluate.yaml.
        sets: further record sets that tasks are tested on, by the name the tasks use.
        settings: probes, seeds, layer and pooling.
        runs: directories with the metrics.csv of training runs, whose curves join the report.
        report: where to write the HTML file; in `out` if not given.
        limit: use the first so many objects of each record set.
        device: where the encoder runs.

    Raises:
        FoundationError: no task, a task about what the records do not have, or a model or records that cannot be read.
    """
    start = time.monotonic()
    check(tasks, sets or {})
    encoder = FoundationModel.of_tokens(model, device=device)
    observed = {name: Observations.read(path, name, limit) for name, path in {MAIN: records, **(sets or {})}.items()}
    suite = Suite(encoder, observed, tasks, out / "features", settings)
    answered = list(suite.run())
    results = [summarise(a) for a in answered]
    for a in answered:
        write_splits(a, out / "splits")
    about = _about(suite, model, settings, observed, time.monotonic() - start)
    gains = what_was_added(answered)
    page = compose(suite, answered, results, about, runs, gains)
    write_pictures(page, out / "pictures")
    write_report(page, report or out / "report.html")
    write_results(results, {**about, "added": as_rows(gains)}, out / "results.json")
    print(f"{story(results)}\n\nreport: {report or out / 'report.html'}")
    return results


def _about(
    suite: Suite, model: Path, settings: Settings, observed: Mapping[str, Observations], seconds: float
) -> dict[str, dict]:
    """What results.json says besides the numbers."""
    tokenizers = suite.model.tokenizers
    return {
        "model": {
            "path": model,
            "weights": suite.extractors["encoder"].weights,
            "tokenizers": tokenizers.fingerprint() if tokenizers else None,
            "spaces": [s.name for s in suite.model.spaces],
        },
        "data": {name: f"{o.path}, {len(o)} objects, fingerprint {o.fingerprint}" for name, o in observed.items()},
        "settings": asdict(settings),
        "environment": environment(seconds),
    }
