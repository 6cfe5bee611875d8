"""Tables: fitted to a terminal by rich, and one plain line a record for pipes and files."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import NamedTuple

import click

from paymentapp.cli.common import line

LIBRARY = "rich"  # of the extra `cli`
PIECE_ROWS = 1000  # of a table on a terminal, which are fitted together


class TableColumn(NamedTuple):
    """A column: its name, its width in plain lines, and how it gives way on a narrow terminal."""

    name: str
    width: int = 0  # in plain lines; 0 for the last one
    whole: bool = False  # never broken into lines, as ids that people copy
    right: bool = False  # in a terminal, to the right
    needs: int = 0  # left out of a terminal with fewer characters in a line


def terminal_width() -> int | None:
    """Return the characters of a line where output goes to a terminal and rich is installed."""
    if not sys.stdout.isatty() or find_spec(LIBRARY) is None:
        return None
    return shutil.get_terminal_size().columns


class PrintedTable:
    """A table that is printed row by row, below the columns' names; nothing without rows.

    On a terminal, where rich is installed, it fits the width: cells are broken into lines, never
    cut, and columns that need more room are left out; it is printed in pieces of many rows, the
    last one at the end of the `with` statement. Elsewhere each row is a line with all its cells,
    printed as soon as it is there; `plain_head` says whether the names are above them.
    """

    def __init__(self, columns: Sequence[TableColumn], *, plain_head: bool = True) -> None:
        self._columns = columns
        self._plain_head = plain_head
        self._width = terminal_width()
        self._rows: list[Sequence[str]] = []  # of the next piece

    def __enter__(self) -> PrintedTable:
        return self

    def __exit__(self, *_: object) -> None:
        self._print_piece()

    def add(self, cells: Sequence[str]) -> None:
        """Add a row."""
        if self._width is None:
            self._print_line(cells)
            return
        self._rows.append(cells)
        if len(self._rows) >= PIECE_ROWS:
            self._print_piece()

    def _print_line(self, cells: Sequence[str]) -> None:
        widths = [column.width for column in self._columns[:-1]]
        if self._plain_head:
            self._plain_head = False
            click.echo(line(widths, [column.name for column in self._columns]))
        click.echo(line(widths, cells))

    def _print_piece(self) -> None:
        rows, self._rows = self._rows, []
        if rows and self._width is not None:
            click.echo(fitted(self._columns, rows, self._width), nl=False)


def echo_table(
    columns: Sequence[TableColumn], rows: Iterable[Sequence[str]], *, plain_head: bool = True
) -> None:
    """Print rows as a PrintedTable."""
    with PrintedTable(columns, plain_head=plain_head) as table:
        for row in rows:
            table.add(row)


def echo_fields(fields: Iterable[tuple[str, str]], indent: int = 10) -> None:
    """Print labels, each with its text at an indent; on a terminal the text is broken into lines.

    A label may be empty: the text goes on with what is above.
    """
    width = terminal_width()
    for label, text in fields:
        for number, part in enumerate(broken(text, width and width - indent)):
            click.echo(f"{'' if number else label:<{indent - 1}} {part}".rstrip())


def echo_text(text: str, *, err: bool = False) -> None:
    """Print a text, on a terminal in lines that fit its width."""
    for part in broken(text, terminal_width()):
        click.echo(part, err=err)


def broken(text: str, width: int | None) -> list[str]:
    """Return a text in lines of at most `width` cells, broken between words where it can be."""
    if width is None or not text:
        return [text]
    from rich.console import Console
    from rich.text import Text

    lines = Text(text).wrap(Console(width=width), max(width, 1), overflow="fold")
    return [each.plain.rstrip() for each in lines]


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
