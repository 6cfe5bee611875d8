"""Charts as shapes for SVG: templates draw them, and put the numbers in a table beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 360, 170  # of the view: a phone's width, so that texts are not made smaller
_BASE, _TOP = 24, 18  # room for labels below and for numbers above
_GAP = 0.25  # of a column's width
_ROW, _LABEL, _NUMBER = 28, 96, 52  # a row's height, and room on its left and right


class Bar(NamedTuple):
    """A bar with its label and its number, and where the two stand."""

    x: float
    y: float
    width: float
    height: float
    label: str
    label_at: tuple[float, float]
    number: str
    number_at: tuple[float, float]
    title: str

    def rounded(self) -> Bar:
        """Return the bar with positions of one decimal, which is enough for a screen."""
        return self._replace(
            x=round(self.x, 1),
            y=round(self.y, 1),
            width=round(self.width, 1),
            height=round(self.height, 1),
            label_at=(round(self.label_at[0], 1), round(self.label_at[1], 1)),
            number_at=(round(self.number_at[0], 1), round(self.number_at[1], 1)),
        )


class Chart(NamedTuple):
    """The bars of a chart, and the size of its view."""

    bars: Sequence[Bar]
    width: int
    height: int

    @property
    def view(self) -> str:
        """Return the SVG attribute `viewBox`."""
        return f"0 0 {self.width} {self.height}"


def columns(values: Sequence[tuple[str, str, int]]) -> Chart:
    """Return standing bars of a short label, a long one and a number each."""
    most = max([1, *(number for *_, number in values)])
    room = WIDTH / max(1, len(values))
    full = HEIGHT - _BASE - _TOP
    bars = []
    for place, (label, name, number) in enumerate(values):
        height = _size(full, number, most)
        x, y, middle = place * room + room * _GAP / 2, HEIGHT - _BASE - height, (place + 0.5) * room
        shown = short_number(number) if number else ""
        bar = Bar(
            *(x, y, room * (1 - _GAP), height),
            *(label, (middle, HEIGHT - 8)),
            *(shown, (middle, y - 4)),
            f"{name}: {number:,}",
        )
        bars.append(bar.rounded())
    return Chart(bars, WIDTH, HEIGHT)


def rows(values: Sequence[tuple[str, int]]) -> Chart:
    """Return lying bars of a label and a number each."""
    most = max([1, *(number for _, number in values)])
    full = WIDTH - _LABEL - _NUMBER
    bars = []
    for place, (label, number) in enumerate(values):
        width, y = _size(full, number, most), place * _ROW + 4
        bar = Bar(
            *(_LABEL, y, width, _ROW - 8),
            *(label, (0, y + 14)),
            *(f"{number:,}", (_LABEL + width + 6, y + 14)),
            f"{label}: {number:,}",
        )
        bars.append(bar.rounded())
    return Chart(bars, WIDTH, _ROW * max(1, len(values)))


def short_number(number: int) -> str:
    """Return a number in at most four characters.

    >>> short_number(999), short_number(1250), short_number(99_960), short_number(2_000_000)
    ('999', '1.2k', '99k', '2.0M')
    """
    for unit, sign in ((10**6, "M"), (10**3, "k")):
        if number >= unit:
            tenths = number * 10 // unit
            return f"{tenths // 10}{sign}" if tenths >= 100 else f"{tenths / 10:.1f}{sign}"
    return str(number)


def _size(full: float, number: int, most: int) -> float:
    """Return the length of a bar; a small number is still seen."""
    return max(full * number / most, 2.0) if number else 0.0
