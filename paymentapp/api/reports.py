"""Reports over HTTP: payments as CSV or JSON Lines, streamed while they are read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from flask import Response, request
from werkzeug.exceptions import NotAcceptable

from paymentapp.api import error_examples, report_examples
from paymentapp.api.blueprint import Blueprint, actor, services
from paymentapp.api.problems import InvalidRequest
from paymentapp.api.report_slots import take_report_slot
from paymentapp.api.responses import ApiResponse
from paymentapp.errors import NotAllowed, StoreUnavailable
from paymentapp.exports.text import to_csv, to_json_lines
from paymentapp.models.actors import CUSTOMERS_READ, REPORTS
from paymentapp.models.reports import PaymentRow
from paymentapp.schemas.reports import (
    ReportQuerySchema,
    ReportRequest,
    SummaryQuerySchema,
    SummaryRequest,
    SummarySchema,
)
from paymentapp.services.reports import Summary, TooManyGroups

log = logging.getLogger(__name__)

blp = Blueprint("reports", __name__, description="Reports: payments as files, and their sums.")


class _TextFormat(NamedTuple):
    """A format of a report: its full media type, the ending of its files, and what writes it."""

    content_type: str
    ending: str
    write: Callable[[Iterable[PaymentRow]], Iterator[bytes]]


CSV, JSON_LINES = "text/csv", "application/jsonl"
# RFC 4180, section 3: `header` says that the first line has the names. The first is the default.
_FORMATS = {
    CSV: _TextFormat("text/csv; charset=utf-8; header=present", "csv", to_csv),
    JSON_LINES: _TextFormat(JSON_LINES, "jsonl", to_json_lines),
}
_REPORT: dict[str, Any] = {
    "description": "Every payment that passes the filters, newest first, one a line",
    "headers": {
        "Content-Disposition": {
            "description": "A name for the file.",
            "schema": {"type": "string"},
        }
    },
    "content": {
        CSV: {"schema": {"type": "string"}, "example": report_examples.CSV},
        JSON_LINES: {"schema": {"type": "string"}, "example": report_examples.JSON_LINES},
    },
}


@blp.route("/v1/api/reports/payments")
@blp.requires(REPORTS)
@blp.arguments(ReportQuerySchema(), location="query")
@blp.documents(*error_examples.REPORT_PAYMENTS, responses={200: _REPORT})
def report_payments(wanted: ReportRequest) -> Response:
    """Report payments as CSV or JSON Lines, as `Accept` asks; CSV where it does not say.

    It has every payment that passes the filters, however many, and is sent while they are read. If
    it cannot be completed the connection is closed before the end of the body, and clients see
    that the answer is incomplete. A process makes a few reports at once, and answers others
    with 429. New columns are added at the end. In CSV a text that a spreadsheet would take for a
    formula has an apostrophe before it.
    """
    chosen = _accepted_format()
    by = actor()
    if wanted.full_payees and not by.may(CUSTOMERS_READ):
        raise NotAllowed(f"Payees in full require the scope {CUSTOMERS_READ}.", CUSTOMERS_READ)
    headers = {"Content-Disposition": f'attachment; filename="payments.{chosen.ending}"'}
    if request.method == "HEAD":
        return ApiResponse(headers=headers, content_type=chosen.content_type)
    slot = take_report_slot()
    try:
        rows = services().reports.rows(wanted.query, full_payees=wanted.full_payees)
    except BaseException:
        slot.give_back()
        raise
    if wanted.full_payees:
        log.info("a report of payments shows payees in full to %s", by.name)
    pieces = _until_failure(chosen.write(rows))
    answer = ApiResponse(pieces, headers=headers, content_type=chosen.content_type)
    answer.call_on_close(slot.give_back)
    return answer


@blp.route("/v1/api/reports/summary")
@blp.requires(REPORTS)
@blp.arguments(SummaryQuerySchema(), location="query")
@blp.response(200, SummarySchema, description="The sums", example=report_examples.SUMMARY)
@blp.documents(*error_examples.REPORT_SUMMARY)
def report_summary(wanted: SummaryRequest) -> Summary:
    """Sum payments up by currency, and by day, payment method, status and client, as `by` asks.

    The sums are those of the rows that the report of payments has. They are made when they are
    asked for, so that the time grows with the number of payments: give `from` and `to`.
    """
    slot = take_report_slot()
    try:
        return services().reports.summary(wanted.query, wanted.by)
    except TooManyGroups as error:
        raise InvalidRequest([{"parameter": "by", "message": str(error)}]) from error
    finally:
        slot.give_back()


def _until_failure(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what is written of a report; where it fails, have the server close the connection.

    Raises ConnectionAbortedError, which a server takes for the end of a connection.
    """
    try:
        yield from pieces
    except StoreUnavailable as error:
        log.warning("a report of payments ends before its end: %s", error)
        raise ConnectionAbortedError("the report cannot be completed") from error


def _accepted_format() -> _TextFormat:
    """Return the format that the client likes best. Raises NotAcceptable."""
    if not request.accept_mimetypes:
        return _FORMATS[CSV]
    best = request.accept_mimetypes.best_match(_FORMATS)
    if best is None:
        raise NotAcceptable
    return _FORMATS[best]
