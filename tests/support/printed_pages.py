"""The parts of docs/operating.md that commands print; `make docs` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from click.testing import CliRunner

from paymentapp.cli import commands
from paymentapp.providers.registry import every_provider
from paymentapp.services.dispatch.parking import parking_rule
from tests.support.service import ROOT

PAGE = ROOT / "docs" / "operating.md"


def _tables() -> str:
    return CliRunner().invoke(commands, ["settings", "--markdown"]).output


def _rules() -> str:
    return "".join(f"- {parking_rule(each)}\n" for each in every_provider().values())


PRINTED: Mapping[str, Callable[[], str]] = {
    "paymentapp settings --markdown": _tables,
    "paymentapp parked --help": _rules,
}


def _part(command: str) -> re.Pattern[str]:
    begin = rf"(<!-- From here on printed by `{re.escape(command)}`[^\n]*-->\n)"
    return re.compile(rf"{begin}(.*?)(<!-- To here. -->)", re.DOTALL)


def on_page(page: str, command: str) -> str:
    """Return what the page has of a command."""
    found = _part(command).search(page)
    assert found is not None, command
    return found[2]


def printed(command: str) -> str:
    """Return what it would print now, as the page has it."""
    return f"\n{PRINTED[command]()}\n"


def write(page: Path = PAGE) -> None:
    """Put the one in the place of the other."""
    text = page.read_text()
    for command in PRINTED:
        text = text.replace(on_page(text, command), printed(command))
    page.write_text(text)


if __name__ == "__main__":
    write()
