"""The one report builder: a single HTML file, nothing loaded from elsewhere, everything escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Report", "grey_image", "line_chart"]

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#222}
h1,h2{line-height:1.2} table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.3rem .8rem;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child{text-align:left}
figure{margin:1rem 0} figcaption{color:#555} svg{max-width:100%}
"""


class Report:
    """A page that is put together from top to bottom.

    Parameters
    ----------
    title : str
        Heading and title of the page.

    Examples
    --------
    >>> report = Report("Recall")
    >>> report.table(("ef", "recall"), [(10, 0.9)])
    >>> "<td>0.9</td>" in report.html()
    True
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = []

    def heading(self, text: str) -> None:
        """Begin a section.

        Parameters
        ----------
        text : str
            Its heading.
        """
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def paragraph(self, text: str) -> None:
        """Add a paragraph.

        Parameters
        ----------
        text : str
            Plain text.
        """
        self._parts.append(f"<p>{escape(text)}</p>")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Add a table.

        Parameters
        ----------
        columns : sequence of str
            The header.
        rows : sequence of sequences
            The cells.
        """
        head = "".join(f"<th>{escape(name)}</th>" for name in columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        self._parts.append(f"<table><tr>{head}</tr>{body}</table>")

    def figure(self, svg: str, caption: str) -> None:
        """Add a picture.

        Parameters
        ----------
        svg : str
            From `line_chart` or `grey_image`; put in as it is.
        caption : str
            What it shows.
        """
        self._parts.append(f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>")

    def html(self) -> str:
        """Give the page.

        Returns
        -------
        str
            A whole HTML document.
        """
        title = escape(self._title)
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            f"<style>{_STYLE}</style><h1>{title}</h1>{''.join(self._parts)}</html>\n"
        )

    def save(self, path: str | Path) -> None:
        """Write the page.

        Parameters
        ----------
        path : str or Path
            The file.
        """
        Path(path).write_text(self.html(), encoding="utf-8")


def line_chart(
    x: Sequence[float], y: Sequence[float], x_label: str, y_label: str, labels: Sequence[str] = ()
) -> str:
    """Draw points joined by a line.

    Parameters
    ----------
    x, y : sequences of float
        The points, at least one.
    x_label, y_label : str
        What the axes mean.
    labels : sequence of str, optional
        A word at each point.

    Returns
    -------
    str
        An SVG element, 560 x 320.
    """
    width, height, margin = 560, 320, 60
    across = _scaled(x, margin, width - 20)
    up = _scaled(y, height - margin, 20)
    points = list(zip(across, up, strict=True))
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="#0a6"/>' for a, b in points)
    words = "".join(
        f'<text x="{a + 6:.1f}" y="{b - 6:.1f}" font-size="11">{escape(word)}</text>'
        for (a, b), word in zip(points, labels, strict=False)
    )
    ends = (
        f'<text x="{margin}" y="{height - 40}" font-size="11">{min(x):.3g}</text>'
        f'<text x="{width - 20}" y="{height - 40}" font-size="11" text-anchor="end">'
        f"{max(x):.3g}</text>"
        f'<text x="{margin - 6}" y="{height - margin}" font-size="11" text-anchor="end">'
        f"{min(y):.3g}</text>"
        f'<text x="{margin - 6}" y="26" font-size="11" text-anchor="end">{max(y):.3g}</text>'
    )
    return (
        f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<path d="M{margin} 15V{height - margin}H{width - 15}" fill="none" stroke="#999"/>'
        f'<polyline points="{line}" fill="none" stroke="#0a6" stroke-width="2"/>{dots}{words}{ends}'
        f'<text x="{width / 2}" y="{height - 12}" text-anchor="middle">{escape(x_label)}</text>'
        f'<text x="16" y="{height / 2}" text-anchor="middle" '
        f'transform="rotate(-90 16 {height / 2})">{escape(y_label)}</text></svg>'
    )


def _scaled(values: Sequence[float], low: float, high: float) -> list[float]:
    least, most = min(values), max(values)
    span = most - least or 1.0
    return [low + (value - least) / span * (high - low) for value in values]


def grey_image(pixels: NDArray[np.floating], zoom: int = 6) -> str:
    """Draw a small grey image, dark where values are high.

    Parameters
    ----------
    pixels : ndarray of shape (rows, columns)
        Values from 0 to 1.
    zoom : int, default 6
        Screen pixels per value.

    Returns
    -------
    str
        An SVG element.
    """
    rows, columns = pixels.shape
    cells = "".join(
        f'<rect x="{c}" y="{r}" width="1" height="1" fill-opacity="{pixels[r, c]:.2f}"/>'
        for r in range(rows)
        for c in range(columns)
        if pixels[r, c] > 0
    )
    return (
        f'<svg viewBox="0 0 {columns} {rows}" width="{columns * zoom}" height="{rows * zoom}" '
        f'style="border:1px solid #ddd;margin:2px">{cells}</svg>'
    )
