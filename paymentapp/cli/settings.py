"""The command `settings`: show every setting, and check it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from textwrap import wrap

import click

from paymentapp.cli.common import echo_record, line, with_json
from paymentapp.cli.tables import TableColumn, echo_table, echo_text, terminal_width
from paymentapp.declarations import PREFIX, Group, State, groups, states, unknown
from paymentapp.errors import SettingsError
from paymentapp.providers.registry import DEFAULT
from paymentapp.variables import Variable

_COLUMNS = ("VARIABLE", "VALUE", "DEFAULT", "MUST BE", "MEANING")
_WIDTH_MAX = 40  # characters of a column
_ON_TERMINAL = (
    TableColumn("VARIABLE"),
    TableColumn("VALUE"),
    TableColumn("DEFAULT", needs=100),
    TableColumn("MUST BE", needs=130),
    TableColumn("MEANING"),
)


@click.command()
@click.option("--markdown", is_flag=True, help="Print the tables of docs/operating.md instead.")
@click.option("--env", "as_file", is_flag=True, help="Print the file .env.example instead.")
@with_json
def settings(markdown: bool, as_file: bool, as_json: bool) -> None:
    """Show every setting: its value, default, limits and meaning.

    Of a secret, only whether it is set. Problems are listed at the end.

    Exit status: 0 no problem; 1 a problem.
    """
    if markdown:
        click.echo("\n\n".join(markdown_table(group) for group in groups()))
        return
    if as_file:
        click.echo("\n\n".join([_ENV_HEAD, *map(_env_part, groups())]))
        return
    found = [(group, states(group, os.environ)) for group in groups()]
    problems = [each.problem for _, part in found for each in part if each.problem]
    problems += _combined_problems() if not problems else []
    for name, meant in unknown(os.environ).items():
        problems.append(f"{name} is not a setting" + (f": did you mean {meant}?" if meant else ""))
    if as_json:
        shown = [_record(group, each) for group, part in found for each in part]
        echo_record({"settings": shown, "problems": problems})
    else:
        for group, part in found:
            _print_group(group, part)
        for text in problems or ["No problems."]:
            echo_text(text)
    sys.exit(1 if problems else 0)


def _record(group: Group, state: State) -> dict[str, object]:
    default, limits, meaning = _description(state.variable)
    return {
        "name": state.variable.name,
        "provider": group.provider or None,
        "value": state.shown,
        "default": default,
        "must_be": limits,
        "meaning": meaning,
        "problem": state.problem,
    }


def _print_group(group: Group, part: Sequence[State]) -> None:
    echo_text(f"{group.settings.title}{_provider_note(group)}")
    rows = [(state.variable.name, state.shown, *_description(state.variable)) for state in part]
    if terminal_width() is not None:
        echo_table(_ON_TERMINAL, rows)
        click.echo()
        return
    click.echo("\n".join(_aligned([_COLUMNS, *rows])) + "\n")


def _combined_problems() -> list[str]:
    """Return problems of settings together: contradictions, rules that name unknown methods."""
    from paymentapp.bootstrap import build_services

    try:
        build_services().close()
    except SettingsError as error:
        return [str(error)]
    return []


def markdown_table(group: Group) -> str:
    """Return a group of settings as a section of a Markdown page."""
    lines = [f"### {group.settings.title}", ""]
    if group.provider and group.provider != DEFAULT:
        lines += [
            f"Set one of these to enable the payment method `{group.provider}`.{_required(group)}",
            "",
        ]
    lines += ["| variable | default | must be | |", "|---|---|---|---|"]
    for each in group.variables:
        default, limits, meaning = _description(each)
        shown = f"`{default}`" if each.default else default
        lines.append(f"| `{each.name}` | {shown} | {limits} | {meaning} |")
    return "\n".join(lines)


_ENV_HEAD = """\
# Every setting of the service, with its default: `paymentapp settings --env` prints this file.
# Copy it to .env, and remove the # before what you change. Before a command in a shell:
#
#   set -a; . ./.env; set +a
#
# systemd (EnvironmentFile=) and containers (env_file) read it as well. It then has secrets: keep it
# to its owner (chmod 600), and out of version control."""


def _env_part(group: Group) -> str:
    """Return a group of settings as a part of a file of environment variables."""
    lines = [f"# ---- {group.settings.title}{_provider_note(group)}"]
    for each in group.variables:
        _, limits, meaning = _description(each)
        needed = "required; " if each.default is None else ""
        note = f"{needed}{meaning}" + (f" ({limits})" if limits else "")
        lines += ["", *wrap(note.replace("`", ""), 98, initial_indent="# ", subsequent_indent="# ")]
        lines.append(f"#{each.name}={_quoted(each.default or '')}")
    return "\n".join(lines)


def _quoted(value: str) -> str:
    return f'"{value}"' if re.search(r"[^\w./:,@+-]", value) else value


def _required(group: Group) -> str:
    has_required = any(each.default is None for each in group.variables)
    return " Those marked as required must then be set." if has_required else ""


def _provider_note(group: Group) -> str:
    """Return when a provider is enabled; nothing for the default one, which always is."""
    if group.provider in {"", DEFAULT}:
        return ""
    return f" (enabled if one of {PREFIX}{group.provider.upper()}_* is set)"


def _description(variable: Variable) -> tuple[str, str, str]:
    default = "required" if variable.default is None else variable.default
    return default, variable.kind.limits, variable.help


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [
        min(_WIDTH_MAX, max(map(len, column))) for column in list(zip(*rows, strict=True))[:-1]
    ]
    for row in rows:
        yield "  " + line(widths, row)
