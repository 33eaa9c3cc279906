"""The one report builder: a single HTML file, nothing loaded from elsewhere, everything escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nearfield.errors import InvalidInput

__all__ = ["Report", "grey_image", "line_chart"]

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#222}
h1,h2{line-height:1.2} table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.3rem .8rem;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child{text-align:left}
figure{margin:1rem 0} figcaption{color:#555} svg{max-width:100%;height:auto}
"""
# Nothing may be loaded or run, even if a caller puts something of the kind into a picture.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_WIDTH, _HEIGHT = 560, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 30, 20, 60
_TICKS = 5


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
            The cells, as many in each row as there are columns.

        Raises
        ------
        InvalidInput
            A row of another length.
        """
        for number, row in enumerate(rows):
            if len(row) != len(columns):
                message = f"row {number} has {len(row)} cells; the table has {len(columns)} columns"
                raise InvalidInput(message)
        head = "".join(f"<th>{escape(name)}</th>" for name in columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>\n"
            for row in rows
        )
        self._parts.append(
            f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>"
        )

    def figure(self, svg: str, caption: str) -> None:
        """Add a picture, or several side by side.

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
        parts = "\n".join(self._parts)
        return (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
            f"{parts}\n</body>\n</html>\n"
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
        The points, at least one, all finite.
    x_label, y_label : str
        What the axes mean.
    labels : sequence of str, optional
        A word at each point.

    Returns
    -------
    str
        An SVG element.

    Raises
    ------
    InvalidInput
        No points, different lengths, or numbers that are not finite.
    """
    if not len(x) or len(x) != len(y) or not np.isfinite([*x, *y]).all():
        message = f"expected points with finite x and y; got {len(x)} x and {len(y)} y"
        raise InvalidInput(message)
    x_ticks, y_ticks = _ticks(x), _ticks(y)
    across = _scaled(x, x_ticks, _LEFT, _WIDTH - _RIGHT)
    up = _scaled(y, y_ticks, _HEIGHT - _BOTTOM, _TOP)
    points = list(zip(across, up, strict=True))
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    marks = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="#0a6"/>' for a, b in points)
    marks += "".join(
        _text(a + 6, b - 6, word) for (a, b), word in zip(points, labels, strict=False)
    )
    for tick, b in zip(y_ticks, _scaled(y_ticks, y_ticks, _HEIGHT - _BOTTOM, _TOP), strict=True):
        grid = f'<path d="M{_LEFT} {b:.1f}H{_WIDTH - _RIGHT}" stroke="#e5e5e5"/>'
        marks = grid + marks + _text(_LEFT - 6, b + 4, f"{tick:g}", "end")
    for tick, a in zip(x_ticks, _scaled(x_ticks, x_ticks, _LEFT, _WIDTH - _RIGHT), strict=True):
        marks += _text(a, _HEIGHT - _BOTTOM + 18, f"{tick:g}", "middle")
    middle = (_HEIGHT - _BOTTOM + _TOP) / 2
    name = escape(f"{y_label} over {x_label}")
    return (
        f'<svg role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}">'
        f"<title>{name}</title>{marks}"
        f'<path d="M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}" fill="none" '
        f'stroke="#999"/><polyline points="{line}" fill="none" stroke="#0a6" stroke-width="2"/>'
        f"{_text(_WIDTH / 2, _HEIGHT - 12, x_label, 'middle')}"
        f'<g transform="rotate(-90 14 {middle})">{_text(14, middle, y_label, "middle")}</g></svg>'
    )


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="12" text-anchor="{anchor}"'
    return f"<text {place}>{escape(words)}</text>"


def _ticks(values: Sequence[float]) -> list[float]:
    """Choose round numbers, 1, 2 or 5 times a power of ten apart, that enclose the values."""
    least, most = float(min(values)), float(max(values))
    if most == least:
        least, most = least - (abs(least) or 1) / 2, most + (abs(most) or 1) / 2
    rough = (most - least) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(each for each in (1, 2, 5, 10) if power * each >= rough * 0.999)
    first, last = math.floor(least / step + 1e-9), math.ceil(most / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _scaled(
    values: Sequence[float], ticks: Sequence[float], low: float, high: float
) -> list[float]:
    span = ticks[-1] - ticks[0]
    return [low + (value - ticks[0]) / span * (high - low) for value in values]


def grey_image(pixels: NDArray[np.floating], zoom: int = 6) -> str:
    """Draw a small grey image, dark where values are high.

    Parameters
    ----------
    pixels : ndarray of shape (rows, columns)
        Values from 0 to 1; others are cut to it.
    zoom : int, default 6
        Screen pixels per value.

    Returns
    -------
    str
        An SVG element.

    Raises
    ------
    InvalidInput
        Not two axes.
    """
    if pixels.ndim != 2:
        message = f"pixels has shape {pixels.shape}; expected (rows, columns)"
        raise InvalidInput(message)
    rows, columns = pixels.shape
    shades = np.clip(np.nan_to_num(pixels), 0, 1)
    cells = "".join(
        f'<rect x="{c}" y="{r}" width="1" height="1" fill-opacity="{shades[r, c]:.2f}"/>'
        for r, c in np.argwhere(shades > 0).tolist()
    )
    return (
        f'<svg viewBox="0 0 {columns} {rows}" width="{columns * zoom}" height="{rows * zoom}" '
        f'style="border:1px solid #ddd;margin:2px">{cells}</svg>'
    )
