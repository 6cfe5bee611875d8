"""Reports as answers: written piece by piece, by a bounded number of threads, or cut off."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from flask import Response

from paymentapp.api.blueprint import actor, services
from paymentapp.api.report_slots import take_report_slot
from paymentapp.api.responses import ApiResponse
from paymentapp.errors import NotAllowed, StoreUnavailable
from paymentapp.exports.text import to_csv, to_json_lines
from paymentapp.models.actors import CUSTOMERS_READ
from paymentapp.models.reports import PaymentRow
from paymentapp.schemas.reports import ReportRequest

log = logging.getLogger("paymentapp.api.reports")  # whichever page or request has asked


class TextFormat(NamedTuple):
    """A format of a report: its full media type, the ending of its files, and what writes it."""

    content_type: str
    ending: str
    write: Callable[[Iterable[PaymentRow]], Iterator[bytes]]

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of an answer in this format: a name for the file."""
        return {"Content-Disposition": f'attachment; filename="payments.{self.ending}"'}


CSV, JSON_LINES = "text/csv", "application/jsonl"
# RFC 4180, section 3: `header` says that the first line has the names. The first is the default.
FORMATS = {
    CSV: TextFormat("text/csv; charset=utf-8; header=present", "csv", to_csv),
    JSON_LINES: TextFormat(JSON_LINES, "jsonl", to_json_lines),
}


def check_payees(wanted: ReportRequest) -> None:
    """Raise NotAllowed where payees are wanted in full by who may not see them."""
    if wanted.full_payees and not actor().may(CUSTOMERS_READ):
        raise NotAllowed(f"Payees in full require the scope {CUSTOMERS_READ}.", CUSTOMERS_READ)


def stream_report(wanted: ReportRequest, chosen: TextFormat) -> Response:
    """Return a report that is sent while its payments are read.

    The first page of them is read at once. Raises NotAllowed, TooManyReports, StoreUnavailable.
    """
    check_payees(wanted)
    slot = take_report_slot()
    try:
        rows = report_rows(wanted)
    except BaseException:
        slot.give_back()
        raise
    pieces = until_failure(chosen.write(rows), "a report of payments")
    answer = ApiResponse(pieces, headers=chosen.headers, content_type=chosen.content_type)
    answer.call_on_close(slot.give_back)
    return answer


def report_rows(wanted: ReportRequest) -> Iterator[PaymentRow]:
    """Return the rows of a report, and log where they show payees in full."""
    rows = services().reports.rows(wanted.query, full_payees=wanted.full_payees)
    if wanted.full_payees:
        log.info("a report of payments shows payees in full to %s", actor().name)
    return rows


def until_failure(pieces: Iterable[bytes], what: str) -> Iterator[bytes]:
    """Yield what is written of a file; where it fails, have the server close the connection.

    Raises ConnectionAbortedError, which a server takes for the end of a connection.
    """
    try:
        yield from pieces
    except StoreUnavailable as error:
        log.warning("%s ends before its end: %s", what, error)
        raise ConnectionAbortedError(f"{what} cannot be completed") from error
