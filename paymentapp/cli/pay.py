"""The command `pay`: pay the rows of a file, follow them, and keep what became of each."""

from __future__ import annotations

import csv
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from paymentapp.bootstrap import Services
from paymentapp.cli.common import opened, plural, with_operator
from paymentapp.errors import PaymentAppError
from paymentapp.models.actors import Actor
from paymentapp.models.bulk import BulkMode, BulkRun, BulkStatus, RowOutcome
from paymentapp.models.currencies import money_text
from paymentapp.models.money import Money
from paymentapp.payment_files.text import UnreadableFile
from paymentapp.schemas.bulk_rows import COLUMNS, rows_of_table
from paymentapp.services.bulk.intake import BulkTerms, TakenIn

_PIECE = 64 * 1024
_PAUSE = 0.5  # seconds between two looks at a run that a service works off
_PAGE = 1000
_SHOWN_MAX = 20  # rows that are not fine on the terminal; the file has all
_RESULT = ("line", "status", "customer_id", "payment_id", "field", "message")
_WORDS = {
    BulkStatus.COMPLETED: "done",
    BulkStatus.CHECKED: "checked: nothing is paid in a dry run",
    BulkStatus.REFUSED: "nothing is paid, because not every row is fine: correct them, or add "
    "--mode each to pay the others",
    BulkStatus.CANCELLED: "cancelled",
}


@click.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False
)
@click.option("--dry-run", is_flag=True, help="Only check the rows; pay nothing.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in BulkMode]),
    default=BulkMode.ALL.value,
    show_default=True,
    help="all: pay nothing unless every row is fine. each: pay the rows that are.",
)
@click.option("--register", is_flag=True, help="Register customers who are unknown.")
@click.option("--again", help="A word, to pay a file once more that was paid before.")
@click.option("--template", is_flag=True, help="Print the first line of such a file.")
@with_operator
def pay(
    file: Path | None,
    dry_run: bool,
    mode: str,
    register: bool,
    again: str | None,
    template: bool,
    by: Actor,
) -> None:
    """Pay the rows of FILE, in CSV: `paymentapp pay --template` prints its columns.

    Commas, semicolons or tabs, in UTF-8 or UTF-16. Run it again to go on after an interruption: a
    file with the same content is one run, and each row is paid once. A running service sends the
    payments. FILE.result.csv says what became of each row.

    Exits with 1 where a row is not fine, and with 2 where the file cannot be read.
    """
    if template:
        click.echo(",".join(COLUMNS.known))
        return
    if file is None:
        raise click.UsageError("Missing argument 'FILE'.")
    terms = BulkTerms(BulkMode(mode), dry_run, register)
    with opened(says_store=False) as services:
        click.echo(f"store: {services.store.description}", err=True)
        taken = _taken_in(services, file, terms, by, again)
        if taken.replayed:
            click.echo(f"run {taken.run.bulk_id}: this file was taken in before", err=True)
        run = _worked_off(services, taken.run)
        rejected = _write_result(services, run, file)
    _print_end(run, file)
    if rejected or run.status is BulkStatus.CANCELLED:
        sys.exit(1)


def _taken_in(
    services: Services, file: Path, terms: BulkTerms, by: Actor, again: str | None
) -> TakenIn:
    """Take in a file, under a key that its content makes. Raises UsageError."""
    digest = hashlib.sha256()
    for piece in _pieces(file):
        digest.update(piece)
    how = f"{terms.mode.value} {terms.is_dry} {terms.registers}"
    key = f"file {digest.hexdigest()} {how} {again or ''}"
    try:
        return services.bulk_intake.take_in(rows_of_table(_pieces(file)), terms, by, key)
    except UnreadableFile as error:
        column = f", column {error.column}" if error.column else ""
        raise click.UsageError(f"{file}: line {error.line}{column}: {error.message}") from error


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while piece := content.read(_PIECE):
            yield piece


def _worked_off(services: Services, run: BulkRun) -> BulkRun:
    """Work off a run, or wait for the process that does; return it at its end."""
    with click.progressbar(length=steps_of(run), label=run.bulk_id, file=sys.stderr) as bar:

        def show() -> bool:
            current = services.store.get_bulk_run(run.bulk_id)
            bar.update(max(0, steps_done(current) - bar.pos) if current else 0)
            return True

        try:
            while services.bulk_runs.get(run.bulk_id).is_open:
                if not services.bulk_runner.advance(show):
                    time.sleep(_PAUSE)
                show()
        except KeyboardInterrupt:
            click.echo("\ninterrupted: run the same command again to go on", err=True)
            raise click.Abort from None
        except PaymentAppError:
            click.echo("\nrun the same command again to go on", err=True)
            raise
    return services.bulk_runs.get(run.bulk_id)


def steps_of(run: BulkRun) -> int:
    """Return how many steps a run has: its rows, once more where all are checked before."""
    return run.total * (2 if run.mode is BulkMode.ALL and not run.is_dry else 1)


def steps_done(run: BulkRun) -> int:
    """Return how many of its steps a run has taken; all of them, once it has ended."""
    if not run.is_open:
        return steps_of(run)
    checked = steps_of(run) - run.total if run.status is BulkStatus.ACCEPTING else 0
    return checked + run.accepted + run.rejected


def _write_result(services: Services, run: BulkRun, file: Path) -> int:
    """Write what became of each row beside the file; return how many are not fine.

    The file is complete or not there: it is written under another name first.
    """
    target, rejected = result_file(file), 0
    unfinished = target.with_name(f"{target.name}.part")
    with unfinished.open("w", encoding="utf-8-sig", newline="") as content:
        writer = csv.writer(content)
        writer.writerow(_RESULT)
        for outcome in _outcomes(services, run):
            writer.writerows(_cells(outcome))
            rejected += bool(outcome.problems)
            if outcome.problems and rejected <= _SHOWN_MAX:
                _print_problems(outcome)
        content.flush()
        os.fsync(content.fileno())
    unfinished.replace(target)
    return rejected


def result_file(file: Path) -> Path:
    """Return the path of the file of results."""
    return file.with_name(f"{file.stem}.result.csv")


def _outcomes(services: Services, run: BulkRun) -> Iterator[RowOutcome]:
    after: int | None = 0
    while after is not None:
        page = services.bulk_runs.outcomes(run, _PAGE, after=after)
        yield from page.outcomes
        after = page.last_read


def _cells(outcome: RowOutcome) -> Iterator[tuple[object, ...]]:
    """Yield a line for a row that is fine, or one for each of its problems."""
    line, customer_id, payment_id, problems = outcome
    if not problems:
        status = "accepted" if payment_id else "fine"
        yield line, status, customer_id, payment_id or "", "", ""
    for column, message in problems:
        yield line, "rejected", customer_id, "", column, message


def _print_problems(outcome: RowOutcome) -> None:
    for column, message in outcome.problems:
        click.echo(f"line {outcome.line}{f', {column}' if column else ''}: {message}")


def _print_end(run: BulkRun, file: Path) -> None:
    if run.rejected > _SHOWN_MAX:
        click.echo(f"... and {plural(run.rejected - _SHOWN_MAX, 'row')} more that are not fine")
    for currency, amount in sorted(run.sums.items()):
        click.echo(money_text(Money(amount, currency)))
    counts = f"{run.accepted:,} of {plural(run.total, 'row')} fine, {run.rejected:,} not"
    click.echo(f"{counts}; {_WORDS.get(run.status, run.status.value)}")
    click.echo(f"run {run.bulk_id}; each row: {result_file(file)}")
