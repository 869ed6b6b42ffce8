"""report: one HTML file that needs nothing else: text, tables and pictures, the pictures inside it."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation.files import whole_file

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #667085; --line: #e3e6ea;
        --best: #dff3e4; --tint: #f6f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --paper: #14171b; --faint: #98a2b3; --line: #2c323a; --best: #17402a; --tint: #1c2127; }
}
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.2rem 5rem; background: var(--paper); color: var(--ink);
       font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
p { max-width: 46rem; } .faint { color: var(--faint); font-size: .9rem; }
table { border-collapse: collapse; font-size: .88rem; margin: .8rem 0; } .wide { overflow-x: auto; }
th, td { padding: .28rem .7rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap;
         font-variant-numeric: tabular-nums; }
th { font-weight: 600; background: var(--tint); } td.best { background: var(--best); font-weight: 600; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; border-radius: 4px; background: #fff; }
figcaption { color: var(--faint); font-size: .9rem; max-width: 46rem; } nav a { margin-right: 1rem; }
a { color: inherit; }
"""


@dataclass(frozen=True)
class Text:
    """Paragraphs of plain text; `faint` for what only the careful read."""

    text: str
    faint: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of text under a heading each column; `best` holds the (row, column) places to mark."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, eq=False)
class Picture:
    """A PNG with its caption; `name` is the file it is also written to."""

    name: str
    png: bytes
    caption: str


Block = Text | Table | Picture


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """A title, a line below it and sections."""

    title: str
    sections: Sequence[Section]
    subtitle: str = ""

    @property
    def pictures(self) -> list[Picture]:
        """All pictures, in order."""
        return [b for s in self.sections for b in s.blocks if isinstance(b, Picture)]


def write_report(report: Report, out: Path) -> None:
    """Write the HTML file `out`, whole or not at all."""
    with whole_file(out) as path:
        path.write_text(render(report), encoding="utf-8")


def write_pictures(report: Report, folder: Path) -> None:
    """Write each picture as `folder`/NAME.png."""
    for picture in report.pictures:
        with whole_file(folder / f"{picture.name}.png") as path:
            path.write_bytes(picture.png)


def render(report: Report) -> str:
    """The report as one HTML document without outside resources or scripts."""
    links = "".join(f'<a href="#s{i}">{html.escape(s.title)}</a>' for i, s in enumerate(report.sections))
    body = "\n".join(_section(i, s) for i, s in enumerate(report.sections))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(report.title)}</title><style>{STYLE}</style></head><body>\n"
        f'<h1>{html.escape(report.title)}</h1><p class="faint">{html.escape(report.subtitle)}</p>\n'
        f'<nav class="faint">{links}</nav>\n'
        f"{body}\n</body></html>\n"
    )


def _section(index: int, section: Section) -> str:
    blocks = "\n".join(_block(b) for b in section.blocks)
    return f'<section id="s{index}"><h2>{html.escape(section.title)}</h2>\n{blocks}\n</section>'


def _block(block: Block) -> str:
    if isinstance(block, Text):
        kind = ' class="faint"' if block.faint else ""
        return "\n".join(f"<p{kind}>{html.escape(p)}</p>" for p in block.text.split("\n\n"))
    if isinstance(block, Table):
        return _table(block)
    code = base64.b64encode(block.png).decode()
    caption = html.escape(block.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{code}"><figcaption>{caption}</figcaption></figure>'
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(c)}</th>" for c in table.columns)
    rows = "\n".join(
        "<tr>" + "".join(_cell(text, (r, c) in table.best) for c, text in enumerate(row)) + "</tr>"
        for r, row in enumerate(table.rows)
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></div>'


def _cell(text: str, best: bool) -> str:
    kind = ' class="best"' if best else ""
    return f"<td{kind}>{html.escape(text)}</td>"
