"""Tables: fitted to a terminal by rich, and one plain line a record for pipes and files."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import chain
from typing import NamedTuple

import click

from paymentapp.cli.common import line

LIBRARY = "rich"  # of the extra `cli`


class TableColumn(NamedTuple):
    """A column: its name, its width in plain lines, and how it gives way on a narrow terminal."""

    name: str
    width: int = 0  # in plain lines; 0 for the last one
    whole: bool = False  # never broken into lines, as ids that people copy
    right: bool = False  # in a terminal, to the right
    needs: int = 0  # left out of a terminal with fewer characters in a line


def echo_table(columns: Sequence[TableColumn], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below the columns' names; nothing without rows.

    On a terminal, where rich is installed, the table fits its width: cells are broken into lines,
    never cut, and columns that need more room are left out. Elsewhere each row is a line with all
    its cells, printed as soon as it is there.
    """
    left = iter(rows)
    first = next(left, None)
    if first is None:
        return
    every = chain([first], left)
    if sys.stdout.isatty() and find_spec(LIBRARY) is not None:
        width = shutil.get_terminal_size().columns
        click.echo(fitted(columns, every, width), nl=False)
        return
    for text in _plain(columns, every):
        click.echo(text)


def fitted(columns: Sequence[TableColumn], rows: Iterable[Sequence[str]], width: int) -> str:
    """Return a table whose lines have at most `width` characters."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = [number for number, column in enumerate(columns) if column.needs <= width]
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for column in (columns[number] for number in shown):
        table.add_column(
            column.name,
            justify="right" if column.right else "left",
            no_wrap=column.whole,
            overflow="fold",
            min_width=len(column.name),
        )
    for row in rows:
        table.add_row(*(Text(row[number]) for number in shown))  # a Text is no markup
    text = io.StringIO()
    Console(file=text, width=width, force_terminal=False).print(table)
    return "".join(f"{each.rstrip()}\n" for each in text.getvalue().splitlines())


def _plain(columns: Sequence[TableColumn], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    widths = [column.width for column in columns[:-1]]
    yield line(widths, [column.name for column in columns])
    for row in rows:
        yield line(widths, row)
