"""written: a report and its numbers as files of a directory."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from foundation.evaluation.report import Report, write_pictures, write_report
from foundation.files import whole_file


def write_all(report: Report, results: Mapping[str, object], out: Path) -> None:
    """Write results.json, report.html and its pictures, and say where."""
    with whole_file(out / "results.json") as path:
        path.write_text(json.dumps(results, indent=1) + "\n")
    write_pictures(report, out / "pictures")
    write_report(report, out / "report.html")
    print(f"report: {out / 'report.html'}", file=sys.stderr)
