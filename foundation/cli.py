"""The parser behind every verb: a function's signature becomes options, its docstring the help as it was written.

A parameter before `*` without default is a positional; one of them may be a list, `FILES...`, or a sequence with the
default (), which may be left out. A parameter after `*` is an option, also without default:
`def ingest(files: list[Path], *, out: Path)` is `ingest FILES... --out OUT`.
"""

import argparse
import inspect
import re
from collections.abc import Callable, Sequence
from typing import get_args, get_origin

from docstring_parser import parse
from jsonargparse import ArgumentParser, DefaultHelpFormatter, auto_cli


def call(function: Callable[..., object], arguments: list[str], name: str) -> None:
    """Parse `arguments` by the signature of `function` and call it; `name` is what was typed: "foundation ingest"."""

    class Parser(_Parser):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **{**options, "prog": name, "formatter_class": _Help})  # type: ignore[arg-type]

    auto_cli(function, args=arguments, parser_class=Parser, as_positional=True, description=_description(function))


class _Help(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Types and defaults beside the options, and the description with its own line breaks."""


class _Parser(ArgumentParser):
    """jsonargparse reads the one value of a list positional as a file of paths; here it takes many values."""

    def add_function_arguments(self, function: Callable[..., object], *args: object, **options: object) -> list[str]:
        """Add the positionals and options of `function`, its list positional last, because it takes what is left."""
        lists = [p for p in inspect.signature(function).parameters.values() if _is_list_positional(p)]
        added = super().add_function_arguments(function, *args, skip={p.name for p in lists}, **options)  # type: ignore[arg-type]
        said = {p.arg_name: p.description for p in parse(inspect.getdoc(function) or "").params}
        for p in lists:
            more = {"nargs": "+"} if p.default is p.empty else {"nargs": "*", "default": p.default}
            self.add_argument(p.name, type=get_args(p.annotation)[0], help=said.get(p.name), **more)
        return added + [p.name for p in lists]

    def add_argument(self, *args: object, **options: object) -> argparse.Action:
        """Let `--strict` alone mean `--strict true`."""
        flag = {"nargs": "?", "const": True} if options.get("type") is bool else {}
        return super().add_argument(*args, **flag, **options)  # type: ignore[arg-type]


def _is_list_positional(parameter: inspect.Parameter) -> bool:
    listed = {list: parameter.empty, Sequence: ()}  # and the default that goes with it
    kind = get_origin(parameter.annotation)
    fits = kind in listed and parameter.default == listed[kind]
    return fits and parameter.kind is not parameter.KEYWORD_ONLY


def _description(function: Callable[..., object]) -> str:
    """The docstring without what the options repeat, and what only Python callers see."""
    return re.sub(
        r"^(?:Args|Returns|Raises):\n(?:[ \t].*\n?|\n)*", "", inspect.getdoc(function) or "", flags=re.MULTILINE
    ).strip()
