"""The house keeps its own rules: short files, documented, finished, without machine paths."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def source_files():
    linked = (ROOT / "foundation" / "tokenizers", ROOT / "foundation" / "kernels")
    files = [p for folder in ("foundation", "tokenizers", "kernels") for p in (ROOT / folder).rglob("*.py")]
    return sorted(p for p in files if not any(p.is_relative_to(link) for link in linked))


@pytest.mark.parametrize("path", source_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_file_keeps_the_rules(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    assert ast.get_docstring(ast.parse(text)), "the first line says what a file is for"
    assert not re.search(r"NotImplementedError|TODO|FIXME|XXX", text)
    assert not re.search(r"[\"'](/home|/root|/work|/tmp|/Users|/mnt)/", text)
    assert not re.search(r"(utils?|helpers?|common|misc|manager|_v2)$", path.stem)


def test_readme_commands_exist():
    from foundation.__main__ import COMMANDS

    text = (ROOT / "README.md").read_text()
    used = {m.group(1) for m in re.finditer(r"^\s*(?:\.venv/bin/)?foundation (\w+)", text, re.M)}
    assert used
    assert used <= set(COMMANDS)
