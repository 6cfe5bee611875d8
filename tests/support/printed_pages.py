"""The part of docs/operating.md that a command prints; `make docs` writes it anew."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from paymentapp.cli import commands
from tests.support.service import ROOT

PAGE = ROOT / "docs" / "operating.md"
_BEGIN = "`make docs`. -->\n"
_END = "<!-- To here. -->"


def printed(page: str) -> str:
    """What the page has between its two marks."""
    return page.partition(_BEGIN)[2].partition(_END)[0]


def tables() -> str:
    """What the command prints now."""
    return f"\n{CliRunner().invoke(commands, ['settings', '--markdown']).output}\n"


def write(page: Path = PAGE) -> None:
    """Put the one in the place of the other."""
    text = page.read_text()
    page.write_text(text.replace(_BEGIN + printed(text) + _END, _BEGIN + tables() + _END))


if __name__ == "__main__":
    write()
