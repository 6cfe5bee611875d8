"""Command that sums payments up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from paymentapp.cli.common import (
    ProgressReport,
    echo_record,
    line,
    opened,
    plural,
    with_json,
)
from paymentapp.cli.payment_filters import loaded, with_filters
from paymentapp.cli.tables import TableColumn, echo_table, terminal_width
from paymentapp.masking import printable
from paymentapp.models.currencies import money_text
from paymentapp.models.money import Money
from paymentapp.models.report_totals import Dimension, GroupTotal
from paymentapp.schemas.reports import ReportFiltersSchema, SummarySchema

# Named as the options of the filters are.
_NAMES = {
    "day": Dimension.DAY,
    "currency": Dimension.CURRENCY,
    "method": Dimension.PAYMENT_METHOD,
    "status": Dimension.STATUS,
    "client": Dimension.CREATED_BY,
}


class _Dimensions(click.ParamType[list[Dimension]]):
    name = "names"

    def convert(self, value: object, param: object, ctx: object) -> list[Dimension]:  # noqa: ARG002
        if isinstance(value, list):
            return value
        names = [name.strip() for name in str(value).split(",")]
        for name in names:
            if name not in _NAMES:
                self.fail(f"{name!r} is none of {', '.join(_NAMES)}")
        return list(dict.fromkeys(_NAMES[name] for name in names))


@click.command(short_help="Sum payments up: how many, amounts and fees.")
@with_filters
@click.option(
    "--by",
    type=_Dimensions(),
    default="currency",
    show_default=True,
    help=f"What to group by, separated by commas: {', '.join(_NAMES)}.",
)
@with_json
def summary(by: list[Dimension], as_json: bool, **filters: str | None) -> None:
    """Sum payments up: how many, their amounts, and the fees that providers have told.

    All payments, unless filters or --from and --to narrow them. Amounts of different currencies are
    never added.
    """
    query = loaded(ReportFiltersSchema, filters)
    with opened(paying=False) as services:
        progress = ProgressReport("summary")
        found = services.reports.summary(query, by, lambda n: progress(plural(n, "payment")))
    if as_json:
        echo_record(SummarySchema().dump(found))
        return
    headed = [name for name, dimension in _NAMES.items() if dimension in by and name != "currency"]
    rows = [(*_common(each, headed), *_cells(each)) for each in found.groups]
    rows += [("TOTAL", *[""] * (len(headed) - 1), *_cells(each)) for each in found.totals if headed]
    _print_table((*map(str.upper, headed), "PAYMENTS", "AMOUNT", "FEES"), rows)
    click.echo(f"{plural(found.payments, 'payment')}.")


def _common(total: GroupTotal, headed: Iterable[str]) -> Iterator[str]:
    for name in headed:
        yield printable(getattr(total.key, _NAMES[name].value) or "-")


def _cells(total: GroupTotal) -> tuple[str, str, str]:
    fees = ", ".join(map(money_text, total.fees))
    amount = money_text(Money(total.amount, total.key.currency))
    return f"{total.payments:,}", amount, fees or "-"


def _print_table(names: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows below the names, numbers to the right."""
    if not rows:
        return
    if terminal_width() is not None:
        numbers = {"PAYMENTS", "AMOUNT"}
        echo_table([TableColumn(n, whole=n in numbers, right=n in numbers) for n in names], rows)
        return
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        *common, count, amount, fees = row
        right = count.rjust(widths[-3]), amount.rjust(widths[-2]), fees
        click.echo(line(widths[:-1], (*common, *right)))
