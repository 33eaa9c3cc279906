"""The report builder: everything escaped, nothing loaded from elsewhere, charts that fit."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from nearfield.errors import InvalidInput
from nearfield.report import Report, grey_image, line_chart

HOSTILE = "<script>alert('1')</script>&\"><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def report() -> Report:
    report = Report(HOSTILE)
    report.heading(HOSTILE)
    report.paragraph(HOSTILE)
    report.table((HOSTILE, "n"), [(HOSTILE, 1), (HOSTILE, 2.5)])
    report.figure(line_chart([1, 2], [3, 4], HOSTILE, HOSTILE, [HOSTILE]), HOSTILE)
    report.figure(grey_image(np.eye(3)), HOSTILE)
    return report


def test_text_is_escaped(report: Report) -> None:
    page = Page(report.html())
    assert not {"script", "img", "link", "iframe", "object"} & set(page.tags)
    assert not {"src", "href", "onerror", "onload"} & page.attributes
    assert page.text.count(HOSTILE) == 1 + 1 + 1 + 1 + 3 + (2 + 2 + 1) + 1 + 1
    assert page.tags.count("circle") == 2
    assert page.tags.count("rect") == 3


def test_the_page_is_whole_and_loads_nothing(report: Report, tmp_path: Path) -> None:
    report.save(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text == report.html()
    assert not re.search(r"https?:|url\(|@import|src=[\"']", text.replace(HOSTILE, ""))
    assert "default-src 'none'" in text
    tags = Page(text).tags
    assert [tags.count(tag) for tag in ("html", "head", "body", "title", "h1")] == [1, 1, 1, 2, 1]


@pytest.mark.parametrize(
    ("x", "y"),
    [([1.0], [1.0]), ([0, 0], [5, 5]), ([0.5, 0.999], [1e-6, 3e-6]), ([1e9, 2e9], [-3, 1e5])],
)
def test_points_lie_inside_the_picture(x: list[float], y: list[float]) -> None:
    drawn = ElementTree.fromstring(line_chart(x, y, "x", "y"))
    circles = drawn.findall("circle")
    assert len(circles) == len(x)
    for circle in circles:
        assert 70 <= float(circle.attrib["cx"]) <= 530
        assert 20 <= float(circle.attrib["cy"]) <= 260
    assert 5 <= len(drawn.findall("text")) <= 20


def test_ticks_are_round_numbers() -> None:
    drawn = ElementTree.fromstring(line_chart([0, 10], [0.9, 1.0], "x", "y"))
    words = [text.text for text in drawn.findall("text")]
    assert {"0", "2", "4", "6", "8", "10", "0.9", "0.92", "0.98", "1"} <= set(words)


def test_what_cannot_be_drawn_is_refused() -> None:
    for x, y in (([], []), ([1], [1, 2]), ([1], [float("nan")])):
        with pytest.raises(InvalidInput, match="finite"):
            line_chart(x, y, "x", "y")
    with pytest.raises(InvalidInput, match="shape"):
        grey_image(np.zeros(3))
    with pytest.raises(InvalidInput, match="row 1 has 1 cells; the table has 2 columns"):
        Report("x").table(("a", "b"), [(1, 2), (3,)])


def test_values_outside_the_range_of_grey_are_cut() -> None:
    drawn = grey_image(np.array([[2.0, -1.0], [np.nan, 0.5]]))
    assert re.findall(r'fill-opacity="([^"]+)"', drawn) == ["1.00", "0.50"]
