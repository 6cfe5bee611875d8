"""Reports: choose days and filters, see the sums, download the payments."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask import Response, request, send_file
from flask.typing import ResponseReturnValue

from paymentapp.api.blueprint import services
from paymentapp.api.report_slots import RETRY_AFTER, TooManyReports, take_report_slot
from paymentapp.api.report_streams import FORMATS, check_payees, report_rows, stream_report
from paymentapp.console.blueprint import blp, requires
from paymentapp.console.errors import error_page
from paymentapp.console.forms import Sent, asked, form_page, loaded
from paymentapp.errors import PaymentAppError
from paymentapp.exports.formats import ReportFormat, is_installed, open_format
from paymentapp.models.actors import REPORTS
from paymentapp.models.payments import Status
from paymentapp.models.report_totals import Dimension
from paymentapp.models.reports import COLUMNS, PaymentRow
from paymentapp.schemas.reports import (
    FULL,
    ReportQuerySchema,
    ReportRequest,
    SummaryQuerySchema,
    SummaryRequest,
)
from paymentapp.services.reports import Summary, TooManyGroups

GROUPS_SHOWN = 500  # of a summary; a page of more is of no use, and slow
XLSX_ROWS = 50_000  # of a workbook, which is complete before the first of it is sent
_FILTERS = (
    *("from", "to", "status", "payment_method", "currency", "created_by", "reference"),
    *("min_amount", "max_amount"),
)
_DIMENSIONS = {
    Dimension.DAY: "Day",
    Dimension.PAYMENT_METHOD: "Method",
    Dimension.STATUS: "Status",
    Dimension.CREATED_BY: "Client",
}
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ENDINGS = {each.ending: each for each in FORMATS.values()}


class TooManyRows(PaymentAppError):
    """A workbook would have more rows than are made while a browser waits."""


@blp.get("/reports")
@requires(REPORTS)
def reports() -> Response:
    """Show the form and, once it was sent, the sums of the payments."""
    if "see" not in request.args:
        today = services().clock().date()
        return _page({"from": today.replace(day=1).isoformat(), "to": today.isoformat()}, {})
    given = asked(*_FILTERS)
    by = ",".join(request.args.getlist("by"))
    sent = loaded(SummaryQuerySchema(), {**given, **({"by": by} if by else {})})
    if sent.problems:
        return _page(given, sent.problems)
    try:
        return _page(given, {}, _summary(sent.value))
    except TooManyGroups as error:
        return _page(given, {"by": str(error)})
    except TooManyReports:
        return _busy()


@blp.get("/reports/payments.<any(csv,jsonl,xlsx):ending>")
@requires(REPORTS)
def reports_download(ending: str) -> ResponseReturnValue:
    """Send the payments as a file: CSV and JSON Lines while they are read."""
    given = asked(*_FILTERS)
    sent = _wanted(given)
    if sent.problems:
        return _page(given, sent.problems)
    try:
        if ending in _ENDINGS:
            return stream_report(sent.value, _ENDINGS[ending])
        return _workbook(sent.value)
    except TooManyReports:
        return _busy()
    except TooManyRows as error:
        return _page(given, {"": str(error)})


def _wanted(given: Mapping[str, str]) -> Sent:
    return loaded(ReportQuerySchema(), {**given, **asked("payees")})


def _summary(wanted: SummaryRequest) -> Summary:
    """Return the sums. Raises TooManyGroups, TooManyReports, StoreUnavailable."""
    slot = take_report_slot()
    try:
        return services().reports.summary(wanted.query, wanted.by)
    finally:
        slot.give_back()


def _workbook(wanted: ReportRequest) -> Response:
    """Return a workbook, which is written to a temporary file: memory does not grow with it.

    Raises NotAllowed, TooManyReports, TooManyRows, StoreUnavailable; SettingsError where the
    library is not installed.
    """
    check_payees(wanted)
    write = open_format(ReportFormat.XLSX)
    slot = take_report_slot()
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it
    try:
        write(file, _bounded(report_rows(wanted)))
        file.seek(0)
    except BaseException:
        file.close()
        raise
    finally:
        slot.give_back()
    answer = send_file(file, _XLSX, as_attachment=True, download_name="payments.xlsx")
    answer.headers["Cache-Control"] = "no-store"  # as for every answer with payments
    return answer


def _bounded(rows: Iterable[PaymentRow]) -> Iterator[PaymentRow]:
    """Yield rows. Raises TooManyRows beyond XLSX_ROWS."""
    for number, row in enumerate(rows):
        if number == XLSX_ROWS:
            raise TooManyRows(
                f"A workbook for download has at most {XLSX_ROWS:,} payments, and these are more: "
                "choose fewer days, download CSV, or write it on the command line, as below."
            )
        yield row


def _busy() -> Response:
    again = f"Try again in {RETRY_AFTER} seconds."
    detail = f"Reports take time, so only a few are made at once. {again}"
    return error_page(429, "Other reports are being made", detail, RETRY_AFTER)


def _page(
    given: Mapping[str, str], problems: Mapping[str, str], summary: Summary | None = None
) -> Response:
    providers = services().providers
    shown: list[Any] = list(summary.groups[:GROUPS_SHOWN]) if summary else []
    return form_page(
        "reports",
        problems,
        given=given,
        chosen=request.args.getlist("by"),
        full=request.args.get("payees") == FULL,
        summary=summary,
        groups=shown,
        dimensions=_DIMENSIONS,
        grouped=[each for each in _DIMENSIONS if summary and each in summary.by],
        statuses=list(Status),
        methods=sorted(providers),
        columns=COLUMNS,
        has_xlsx=is_installed(ReportFormat.XLSX),
        xlsx_rows=XLSX_ROWS,
    )
