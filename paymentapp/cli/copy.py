"""Command that copies a store into another one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from paymentapp.cli.common import ProgressReport, echo_record, naming, with_json, with_operator
from paymentapp.cli.progress import progress_line
from paymentapp.cli.tables import TableColumn, echo_table, echo_text
from paymentapp.clock import utc_now
from paymentapp.config import Settings, load_settings
from paymentapp.models.actors import Actor
from paymentapp.models.currencies import money_text
from paymentapp.models.money import Money

if TYPE_CHECKING:
    from paymentapp.services.backoffice.copy_tally import CopyTally
    from paymentapp.services.backoffice.copying import StoreCopy

_TABLE = (
    TableColumn("TABLE", 12, whole=True),
    TableColumn("SOURCE", 14, whole=True, right=True),
    TableColumn("TARGET", 14, whole=True, right=True),
    TableColumn("WRITTEN", 14, whole=True, right=True),
    TableColumn("DELETED", 14, whole=True, right=True),
)
_SHOWN = 20  # differences that are printed


@click.command(short_help="Copy a store into another one, of any engine.")
@click.option("--from", "source", required=True, metavar="STORE", help="As PAYMENTAPP_STORE.")
@click.option("--to", "target", required=True, metavar="STORE", help="It must be empty at first.")
@click.option(
    "--finish",
    is_flag=True,
    help="The last pass, once every process of the service is stopped: hold the source for good, "
    "copy the rest, due work last, and compare every record.",
)
@with_json
@with_operator
def copy(source: str, target: str, finish: bool, as_json: bool, by: Actor) -> None:
    """Copy a store into another one, in passes that write what differs.

    Without --finish the service may run; a pass that was interrupted is resumed. Every payment of
    the target is held until you release it. The steps, in their order: docs/operating.md, "Moving
    to another store".

    Exit status: 0 done, with --finish both stores are the same; 1 they differ; 2 not everything
    could be read or written, or a process works with one of them.
    """
    with _opened(source, target) as run:
        tally = run.finish(by) if finish else run.run()
    if as_json:
        echo_record(_record(tally, finish))
    else:
        _print(tally, finish)
    sys.exit(1 if tally.differences else 0)


@contextmanager
def _opened(source: str, target: str) -> Iterator[StoreCopy]:
    """Yield a copy between two stores, and close them at the end. Raises SettingsError."""
    from paymentapp.services.backoffice.copying import StoreCopy
    from paymentapp.storage import open_store

    first, second = open_store(_settings(source)), open_store(_settings(target))
    try:
        if first.description == second.description:
            raise click.UsageError("--from and --to are the same store")
        with naming(first.description):
            first.ping()
        with naming(second.description):
            second.create_tables()
        with naming(f"{first.description}, or {second.description}"), progress_line("copy"):
            yield StoreCopy(first, second, utc_now, ProgressReport("copy"), time.sleep)
    finally:
        first.close()
        second.close()


def _settings(store: str) -> Settings:
    return load_settings({**os.environ, "PAYMENTAPP_STORE": store})


def _print(tally: CopyTally, is_finished: bool) -> None:
    rows = [
        (
            table.value,
            f"{each.source:,}",
            f"{each.target:,}" if is_finished else "-",
            f"{each.written:,}",
            f"{each.deleted:,}",
        )
        for table, each in tally.tables.items()
    ]
    echo_table(_TABLE, rows)
    for currency, (count, amount) in sorted(tally.source_sums.items()):
        sum_of_them = money_text(Money(amount, currency))
        echo_text(f"payments of the source: {count:,}, in sum {sum_of_them}")
    for each in tally.differences[:_SHOWN]:
        echo_text(f"{each.table} {' '.join(each.key)}: {each.text}")
    if len(tally.differences) > _SHOWN:
        echo_text(f"and {len(tally.differences) - _SHOWN:,} differences more")
    echo_text(_result(tally, is_finished))


def _result(tally: CopyTally, is_finished: bool) -> str:
    if tally.differences:
        return "The stores differ: do not start the service with the target."
    if not is_finished:
        return "Copied. Stop every process of the service, then use --finish."
    return "Both stores are the same. The target is held until you release it."


def _record(tally: CopyTally, is_finished: bool) -> dict[str, object]:
    return {
        "finished": is_finished,
        "tables": {
            table.value: {
                "source": each.source,
                "target": each.target if is_finished else None,
                "written": each.written,
                "deleted": each.deleted,
            }
            for table, each in tally.tables.items()
        },
        "sums": [
            {"currency": currency, "payments": count, "amount": amount}
            for currency, (count, amount) in sorted(tally.source_sums.items())
        ],
        "differences": [
            {"table": each.table.value, "key": list(each.key), "text": each.text}
            for each in tally.differences
        ],
    }
