"""The command that shows every setting: what it may be, what it is, and what is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

import click

from paymentapp.cli.common import line, opened
from paymentapp.declarations import PREFIX, Group, groups, states, unknown
from paymentapp.errors import SettingsError
from paymentapp.providers.registry import DEFAULT
from paymentapp.variables import Variable

_COLUMNS = ("VARIABLE", "VALUE", "DEFAULT", "MUST BE", "MEANING")
_MOST = 40  # characters to which a column grows


@click.command()
@click.option("--markdown", is_flag=True, help="Print the tables of docs/operating.md instead.")
def settings(markdown: bool) -> None:
    """Show every setting: its value, its default, its limits and its meaning.

    Of a secret it is only told whether it is set. What is wrong is named below.

    Exit status: 0 all is well; 1 something is wrong.
    """
    if markdown:
        click.echo("\n\n".join(markdown_table(group) for group in groups()))
        return
    problems = []
    for group in groups():
        found = states(group, os.environ)
        problems += [state.problem for state in found if state.problem]
        click.echo(f"{group.settings.title}{_note(group)}")
        rows = [(state.variable.name, state.shown, *_told(state.variable)) for state in found]
        click.echo("\n".join(_aligned([_COLUMNS, *rows])) + "\n")
    problems += _others() if not problems else []
    for name, meant in unknown(os.environ).items():
        problems.append(f"{name} is no setting" + (f": is {meant} meant?" if meant else ""))
    click.echo("\n".join(problems) or "Nothing is wrong.")
    sys.exit(1 if problems else 0)


def _others() -> list[str]:
    """Return what no variable shows by itself: values that contradict each other, rules that name
    a method that there is not."""
    try:
        with opened():
            return []
    except SettingsError as error:
        return [str(error)]


def markdown_table(group: Group) -> str:
    """Return a group as a section of a page."""
    lines = [f"### {group.settings.title}", ""]
    if group.provider and group.provider != DEFAULT:
        lines += [f"Setting one of these makes `{group.provider}` a way to pay.{_then(group)}", ""]
    lines += ["| variable | default | must be | |", "|---|---|---|---|"]
    for each in group.variables:
        default, limits, meaning = _told(each)
        shown = f"`{default}`" if each.default else default
        lines.append(f"| `{each.name}` | {shown} | {limits} | {meaning} |")
    return "\n".join(lines)


def _then(group: Group) -> str:
    needed = any(each.default is None for each in group.variables)
    return " Those marked as required have to be set then." if needed else ""


def _note(group: Group) -> str:
    """Say when a provider is a way to pay; nothing of the default one, which always is."""
    if group.provider in {"", DEFAULT}:
        return ""
    return f" (a way to pay where one of {PREFIX}{group.provider.upper()}_* is set)"


def _told(variable: Variable) -> tuple[str, str, str]:
    default = "required" if variable.default is None else variable.default
    return default, variable.kind.limits, variable.help


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [min(_MOST, max(map(len, column))) for column in list(zip(*rows, strict=True))[:-1]]
    for row in rows:
        yield "  " + line(widths, row)
