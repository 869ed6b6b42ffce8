"""The report is one file that needs nothing else, and says what it is given and nothing more."""

import base64
from html.parser import HTMLParser

import pytest

from foundation.evaluation.report import Picture, Report, Section, Table, Text, render, write_pictures, write_report

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))


class Page(HTMLParser):
    """Collects tags, and checks that they close."""

    VOID = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def report():
    table = Table(["features", "R²"], [["encoder", "0.9"], ["raw & <input>", "0.5"]], frozenset({(0, 1)}))
    blocks = [Text("first\n\nsecond <script>alert(1)</script>"), table, Picture("dots", PNG, 'a "caption"')]
    return Report("A <title>", [Section("One", blocks), Section("Two", [Text("end", faint=True)])], "below")


def test_every_picture_is_inside_the_file(report):
    images = Page(render(report)).of("img")
    assert len(images) == 1
    kind, _, code = images[0]["src"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(code) == PNG


def test_nothing_comes_from_outside_and_nothing_runs(report):
    page = Page(render(report))
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
    assert "http" not in render(report)
    assert "url(" not in render(report)


def test_text_is_text(report):
    words = "".join(Page(render(report)).words)
    assert "second <script>alert(1)</script>" in words
    assert "raw & <input>" in words
    assert "A <title>" in words


def test_paragraphs_headings_and_links(report):
    page = Page(render(report))
    assert len(page.of("section")) == 2
    assert {a["href"] for a in page.of("a")} == {f"#{s['id']}" for s in page.of("section")}
    assert sum(tag == "h2" for tag, _ in page.tags) == 2


def test_the_best_cell_is_marked_and_no_other(report):
    marked = [a for a in Page(render(report)).of("td") if a.get("class") == "best"]
    assert len(marked) == 1
    assert '<td class="best">0.9</td>' in render(report)


def test_it_suits_dark_screens(report):
    assert "prefers-color-scheme: dark" in render(report)


def test_files_are_written_whole(report, tmp_path):
    write_report(report, tmp_path / "a" / "report.html")
    write_pictures(report, tmp_path / "pictures")
    assert (tmp_path / "a" / "report.html").read_text(encoding="utf-8") == render(report)
    assert (tmp_path / "pictures" / "dots.png").read_bytes() == PNG
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["dots.png", "report.html"]
