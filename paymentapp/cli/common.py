"""What the commands share: the service put together, moments, progress, columns."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from paymentapp.clock import from_text, to_text
from paymentapp.services.backoffice.period import Period

if TYPE_CHECKING:
    from paymentapp.bootstrap import Services

DAYS = 35  # longer than any provider takes to return what nobody claims
_SECONDS_OF_SILENCE = 2.0


@contextmanager
def opened(*, paying: bool = True) -> Iterator[Services]:
    """The service put together, and closed in the end. Without `paying` it has no providers, and
    needs none of their settings. Nothing is dispatched by it."""
    from paymentapp.bootstrap import build_services

    services = build_services() if paying else build_services(providers={})
    try:
        yield services
    finally:
        services.close()


class _Moment(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: object, param: object, ctx: object) -> datetime:  # noqa: ARG002
        text = str(value)
        try:
            moment = datetime.fromisoformat(text)
            return from_text(text) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except ValueError:
            self.fail(f"{text!r} is no ISO 8601 date or time, such as 2026-03-01T12:00:00Z")


MOMENT = _Moment()


def with_period(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `span_of`, and --json."""
    since = f"ISO 8601; UTC where it says nothing else. {DAYS} days before --to by default."
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        click.option("--to", "end", type=MOMENT, help="Now by default."),
        click.option("--from", "start", type=MOMENT, help=since),
    ):
        command = option(command)
    return command


def period_of(start: datetime | None, end: datetime | None, now: datetime) -> Period:
    """The span that the options name."""
    end = end or now
    period = Period(start or end - timedelta(days=DAYS), end)
    if period.start > period.end:
        raise click.UsageError("--from is later than --to")
    return period


class OperatorText(click.ParamType[str]):
    """A text on one line, of a length that a record can bear."""

    name = "text"

    def __init__(self, longest: int) -> None:
        self._longest = longest

    def convert(self, value: object, param: object, ctx: object) -> str:  # noqa: ARG002
        text = " ".join(str(value).split())
        if not 0 < len(text) <= self._longest or not text.isprintable():
            self.fail(f"must have 1 to {self._longest} characters")
        return text


class ProgressReport:
    """Says on stderr how far long work has come, every few seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said_at = time.monotonic()

    def __call__(self, text: str) -> None:
        if time.monotonic() - self._said_at > _SECONDS_OF_SILENCE:
            self._said_at = time.monotonic()
            click.echo(f"{self._name}: {text}", err=True)


def line(widths: Sequence[int], cells: Iterable[str]) -> str:
    """Cells in columns; one that is too long pushes the others on, and none is cut."""
    padded = [cell.ljust(width) for cell, width in zip(cells, (*widths, 0), strict=True)]
    return "  ".join(padded).rstrip()


def echo_json(head: dict[str, object], name: str, records: Iterable[dict[str, object]]) -> None:
    """Begin a JSON document with its first members and a list that is printed as it comes; the
    caller prints the rest with `echo_json_end`."""
    click.echo(json.dumps(head)[:-1] + f', "{name}": [', nl=False)
    for number, record in enumerate(records):
        click.echo((",\n " if number else "\n ") + json.dumps(record), nl=False)


def echo_json_end(tail: dict[str, object]) -> None:
    """End the list and the document."""
    click.echo("], " + json.dumps(tail)[1:])


def plural(count: int, noun: str) -> str:
    """A number of things, in words: `1 batch`, `1,200 payments`."""
    ending = "" if count == 1 else "es" if noun.endswith("ch") else "s"
    return f"{count:,} {noun}{ending}"


def short(moment: datetime | None) -> str:
    """A moment to the second."""
    return f"{to_text(moment)[:19]}Z" if moment else "-"
