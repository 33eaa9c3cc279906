"""The report builder: everything escaped, nothing loaded from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
from nearfield.report import Report, grey_image, line_chart


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)


def test_text_is_escaped() -> None:
    hostile = "<script>alert(1)</script>"
    report = Report(hostile)
    report.heading(hostile)
    report.paragraph(hostile)
    report.table((hostile,), [(hostile,)])
    report.figure(line_chart([1, 2], [3, 4], hostile, hostile, [hostile]), hostile)
    tags = Tags()
    tags.feed(report.html())
    assert "script" not in tags.seen
    assert tags.seen.count("circle") == 2


def test_one_point_and_an_empty_image_are_drawn() -> None:
    assert "<circle" in line_chart([1.0], [1.0], "x", "y")
    assert grey_image(np.zeros((2, 3))).startswith("<svg")
