"""Reports over HTTP: payments as CSV or JSON Lines, streamed while they are read."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from werkzeug.exceptions import NotAcceptable

from paymentapp.api import error_examples, report_examples
from paymentapp.api.blueprint import Blueprint, services
from paymentapp.api.problems import InvalidRequest
from paymentapp.api.report_slots import take_report_slot
from paymentapp.api.report_streams import (
    CSV,
    FORMATS,
    JSON_LINES,
    TextFormat,
    check_payees,
    stream_report,
)
from paymentapp.api.responses import ApiResponse
from paymentapp.models.actors import REPORTS
from paymentapp.schemas.reports import (
    ReportQuerySchema,
    ReportRequest,
    SummaryQuerySchema,
    SummaryRequest,
    SummarySchema,
)
from paymentapp.services.reports import Summary, TooManyGroups

blp = Blueprint("reports", __name__, description="Reports: payments as files, and their sums.")


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
    check_payees(wanted)
    if request.method == "HEAD":
        return ApiResponse(headers=chosen.headers, content_type=chosen.content_type)
    return stream_report(wanted, chosen)


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


def _accepted_format() -> TextFormat:
    """Return the format that the client likes best. Raises NotAcceptable."""
    if not request.accept_mimetypes:
        return FORMATS[CSV]
    best = request.accept_mimetypes.best_match(FORMATS)
    if best is None:
        raise NotAcceptable
    return FORMATS[best]
