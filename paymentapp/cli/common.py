"""Helpers of the commands: services, time options, progress, table output."""

from __future__ import annotations

import json
import os
import pwd
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
import simplejson

from paymentapp.cli.progress import current, progress_line
from paymentapp.clock import to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.models.actors import Actor, operator
from paymentapp.services.backoffice.period import Period

if TYPE_CHECKING:
    from paymentapp.bootstrap import Services

DAYS = 35  # longer than any provider takes to return unclaimed money
OPERATOR_MAX = 80  # characters of an operator's name
_PROGRESS_SECONDS = 2.0


@contextmanager
def opened(*, paying: bool = True, says_store: bool = True) -> Iterator[Services]:
    """Yield the services and close them at the end; nothing is dispatched.

    Without `paying` there are no providers, and none of their settings are required. On a terminal
    the store is named first, unless `says_store` is false, and so it is in each error of it: a
    relative path or another region leads to another store. Settings that do not exist are warned
    of. While the command works for long, a terminal says so. Raises StoreUnavailable.
    """
    from paymentapp.bootstrap import build_services
    from paymentapp.declarations import warn_of_unknown

    warn_of_unknown(os.environ)
    services = build_services() if paying else build_services(providers={})
    store = services.store.description
    if says_store and sys.stderr.isatty():
        click.echo(f"store: {store}", err=True)
    try:
        with naming(store), progress_line(_command_name()):
            yield services
    finally:
        services.close()


def _command_name() -> str:
    context = click.get_current_context(silent=True)
    return context.command_path.partition(" ")[2] if context else ""


@contextmanager
def naming(store: str) -> Iterator[None]:
    """Add the description of the store to each error of it. Raises StoreUnavailable."""
    try:
        yield
    except StoreUnavailable as error:
        raise StoreUnavailable(f"{error} (the store: {store})", error.reason) from error


class _Moment(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: object, param: object, ctx: object) -> datetime:  # noqa: ARG002
        text = str(value)
        try:
            moment = datetime.fromisoformat(text.upper())  # RFC 3339 allows t and z
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no ISO 8601 date or time, such as 2026-03-01T12:00:00Z")


MOMENT = _Moment()


class OneLine(click.ParamType[str]):
    """A text on one line, of bounded length."""

    name = "text"

    def __init__(self, max_length: int) -> None:
        self._max_length = max_length

    def convert(self, value: object, param: object, ctx: object) -> str:  # noqa: ARG002
        """Return the text with each run of white space as one space."""
        text = " ".join(str(value).split())
        if not 0 < len(text) <= self._max_length or not text.isprintable():
            self.fail(f"must have 1 to {self._max_length} characters")
        return text


def _operator(_ctx: object, _param: object, name: str | None) -> Actor:
    return operator(name or _system_user())


def _system_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container that runs under any number
        return f"uid-{os.getuid()}"


def with_operator(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option --by, as the Actor `by`, to a command that changes something."""
    option = click.option(
        "--by",
        type=OneLine(OPERATOR_MAX),
        callback=_operator,
        help="Who does it; kept in the history. Default: the system user.",
    )
    return option(command)


def with_json(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option --json, as `as_json`, to a command that prints records."""
    option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    return option(command)


def with_period(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options --from and --to (see `period_of`) and --json to a command."""
    since = f"ISO 8601; UTC unless it has an offset. Default: {DAYS} days before --to."
    for option in (
        with_json,
        click.option("--to", "end", type=MOMENT, help="Default: now."),
        click.option("--from", "start", type=MOMENT, help=since),
    ):
        command = option(command)
    return command


def period_of(start: datetime | None, end: datetime | None, now: datetime) -> Period:
    """Return the period of the options. Raises UsageError if --from is later than --to."""
    end = end or now
    period = Period(start or end - timedelta(days=DAYS), end)
    if period.start > period.end:
        raise click.UsageError("--from is later than --to")
    return period


class ProgressReport:
    """Say how far long work is, on a terminal: in the line of progress, or without rich in lines.

    Lines are at most one every two seconds. Elsewhere nothing is printed.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._line = current()
        self._printed_at = time.monotonic()

    def __call__(self, text: str) -> None:
        """Show a text; a line is not printed where one was just before."""
        if self._line is not None:
            self._line.say(f"{self._name}: {text}")
        elif sys.stderr.isatty() and time.monotonic() - self._printed_at > _PROGRESS_SECONDS:
            self._printed_at = time.monotonic()
            click.echo(f"{self._name}: {text}", err=True)


def line(widths: Sequence[int], cells: Iterable[str]) -> str:
    """Return cells in columns; a cell that is too long shifts the rest, and none is truncated."""
    padded = [cell.ljust(width) for cell, width in zip(cells, (*widths, 0), strict=True)]
    return "  ".join(padded).rstrip()


def echo_record(record: Mapping[str, object]) -> None:
    """Print a record as one JSON document; a Decimal is an exact number."""
    click.echo(simplejson.dumps(record, use_decimal=True, indent=1))


def echo_json(head: dict[str, object], name: str, records: Iterable[dict[str, object]]) -> None:
    """Print the start of a JSON document: its first members, and a list, record by record.

    The caller ends the document with `echo_json_end`.
    """
    click.echo(json.dumps(head)[:-1] + f', "{name}": [', nl=False)
    for number, record in enumerate(records):
        click.echo((",\n " if number else "\n ") + json.dumps(record), nl=False)


def echo_json_end(tail: dict[str, object]) -> None:
    """Print the end of the list, the last members and the end of the document."""
    click.echo("], " + json.dumps(tail)[1:])


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: `1 batch`, `1,200 payments`."""
    ending = "" if count == 1 else "es" if noun.endswith("ch") else "s"
    return f"{count:,} {noun}{ending}"


def short(moment: datetime | None) -> str:
    """Return a time to the second, `-` for None."""
    return f"{to_text(moment)[:19]}Z" if moment else "-"
