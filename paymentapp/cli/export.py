"""Command that writes payments to a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from paymentapp.cli.common import ProgressReport, opened, plural
from paymentapp.cli.payment_filters import loaded, with_filters
from paymentapp.exports.formats import ReportFormat, open_format
from paymentapp.models.reports import PaymentRow
from paymentapp.schemas.reports import ReportFiltersSchema


@click.command()
@with_filters
@click.option(
    "--format",
    "format_",
    type=click.Choice([each.value for each in ReportFormat]),
    help="Default: by the ending of --output, else csv.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, which must not exist. Default: standard output.",
)
@click.option(
    "--full-payees",
    is_flag=True,
    help="Show whole e-mail addresses. Account details stay masked.",
)
def export(
    format_: str | None, output: Path | None, full_payees: bool, **filters: str | None
) -> None:
    """Write payments, newest first, one a row.

    All payments, unless filters or --from and --to narrow them. The file appears under its name
    when it is complete. Memory does not grow with the number of payments.
    """
    chosen = _format_of(format_, output)
    query = loaded(ReportFiltersSchema, filters)
    write = open_format(chosen)
    with opened() as services:
        rows = _CountedRows(services.reports.rows(query, full_payees=full_payees))
        with _written(output) as file:
            write(file, rows)
    if output is not None:
        click.echo(f"{plural(rows.count, 'payment')} in {output}", err=True)


class _CountedRows:
    """Counts the rows that pass, and reports progress."""

    def __init__(self, rows: Iterable[PaymentRow]) -> None:
        self.count = 0
        self._rows = rows
        self._progress = ProgressReport("export")

    def __iter__(self) -> Iterator[PaymentRow]:
        for row in self._rows:
            self.count += 1
            if not self.count % 1000:
                self._progress(plural(self.count, "payment"))
            yield row


def _format_of(given: str | None, output: Path | None) -> ReportFormat:
    """Return the format that the options name. Raises UsageError."""
    if given is None:
        ending = output.suffix.removeprefix(".") if output else ""
        if output is not None and ending not in list(ReportFormat):
            raise click.UsageError(f"say the --format: one of {', '.join(ReportFormat)}")
        given = ending or ReportFormat.CSV
    chosen = ReportFormat(given)
    if output is None and not chosen.is_text:
        raise click.UsageError(f"--format {chosen} needs --output FILE")
    return chosen


@contextmanager
def _written(output: Path | None) -> Iterator[BinaryIO]:
    """Yield the file to write: standard output, or a file that is renamed once it is complete.

    An existing file is not replaced. Raises UsageError.
    """
    if output is None:
        yield sys.stdout.buffer
        return
    if output.exists():  # before the work, rather than after it
        raise click.UsageError(f"{output} exists already")
    part = output.with_name(f"{output.name}.part")
    file = _opened_for_its_user(part)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _give_name(part, output)
    finally:
        part.unlink(missing_ok=True)


def _opened_for_its_user(path: Path) -> BinaryIO:
    """Open a file that nobody else may read. Raises UsageError."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from error


def _give_name(part: Path, output: Path) -> None:
    """Give a complete file its name. Raises UsageError where there is one of that name by now."""
    try:
        os.link(part, output)  # unlike a rename, it replaces nothing
    except FileExistsError as error:
        raise click.UsageError(f"{output} exists already") from error
    except OSError:  # a file system without links
        part.rename(output)
