"""Examples and errors of bulk runs, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from paymentapp.api import examples, problems
from paymentapp.api.bulk_bodies import LongBulkBody, NoBulkBody
from paymentapp.api.error_docs import BODY, ProblemExample
from paymentapp.api.problems import body_error
from paymentapp.schemas.bulk import BulkPaymentsSchema
from paymentapp.schemas.headers import KEY_MESSAGE
from paymentapp.services.bulk.intake import NO_ROWS

BULK_ID = "20260102T030405678901-5f0c2b9e"
RUN: dict[str, Any] = {
    "bulk_id": BULK_ID,
    "status": "completed",
    "mode": "each",
    "dry_run": False,
    "register": False,
    "total": 2,
    "accepted": 1,
    "rejected": 1,
    "sums": [{"currency": "USD", "amount": 12.5}],
    "payments": {
        "as_of": "2026-01-02T03:05:00.000000Z",
        "counts": [{"status": "succeeded", "count": 1}],
    },
    "created_at": "2026-01-02T03:04:05.678901Z",
    "created_by": examples.CLIENT,
    "completed_at": "2026-01-02T03:04:06.000000Z",
    "held_by": None,
    "cancelled_by": None,
    "reason": None,
    "order": None,
    "order_open": False,
}
_ORDER = {"by": "ann", "at": "2026-01-02T03:05:00.000000Z", "note": None}
APPROVED = {**RUN, "order": {"action": "approve", **_ORDER}, "order_open": True}
REJECTED = {**RUN, "order": {"action": "reject", **_ORDER, "note": "Unknown payees."}}
TAKEN_IN = {
    **RUN,
    "status": "accepting",
    "accepted": 0,
    "rejected": 0,
    "sums": [],
    "payments": None,
    "completed_at": None,
}
HELD = {**TAKEN_IN, "held_by": examples.CLIENT, "reason": "The sums look wrong."}
CANCELLED = {
    **TAKEN_IN,
    "cancelled_by": examples.CLIENT,
    "order": {"action": "cancel", **_ORDER, "by": examples.CLIENT},
    "order_open": True,
}
PAGE = {"runs": [RUN], "next_cursor": None}
ROWS = {
    "rows": [
        {
            "line": 2,
            "customer_id": examples.CUSTOMER_ID,
            "payment_id": examples.PAYMENT_ID,
            "payment_status": "succeeded",
            "errors": [],
        },
        {
            "line": 3,
            "customer_id": "unixuser2",
            "payment_id": None,
            "payment_status": None,
            "errors": [{"field": "amount", "message": "Must be greater than 0."}],
        },
    ],
    "next_cursor": None,
}
NO_RUN = ProblemExample(problems.NOT_FOUND, "There is no such bulk run.")
RUN_ENDED = ProblemExample(problems.CONFLICT, "The run has ended: it is refused.")
_CURSOR = {"parameter": "cursor", "message": "Must be a next_cursor."}
LIST_RUNS = (ProblemExample(problems.INVALID, errors=[_CURSOR]),)
LIST_ROWS = (
    ProblemExample(
        problems.INVALID,
        errors=[{"parameter": "status", "message": "Must be one of: accepted, rejected."}],
    ),
    NO_RUN,
)
ASK = (
    ProblemExample(
        problems.INVALID,
        errors=[
            body_error(
                (),
                "Line 1, column currency: The column is missing: the first line names "
                "it, between commas, semicolons, tabs.",
            )
        ],
    ),
    ProblemExample(
        problems.INVALID, errors=[{"header": "Idempotency-Key", "message": KEY_MESSAGE}]
    ),
    ProblemExample(problems.TOO_LARGE, LongBulkBody.detail),
    ProblemExample(problems.MEDIA, NoBulkBody.detail),
    ProblemExample(
        problems.KEY_REUSED, "This Idempotency-Key was used with other rows, or another mode."
    ),
    ProblemExample(problems.UNPROCESSABLE, NO_ROWS, [body_error((), NO_ROWS)]),
)
HOLD = (
    ProblemExample(
        problems.INVALID, errors=[body_error(["reason"], "Missing data for required field.")]
    ),
    NO_RUN,
    RUN_ENDED,
    *BODY,
)
ORDER_OPEN = ProblemExample(problems.CONFLICT, "Another order is carried out first: approve.")
NO_PAYMENTS = ProblemExample(problems.CONFLICT, "The run has no payments: it is refused.")
NOT_THE_MAKER = ProblemExample(
    problems.FORBIDDEN, "Whoever asked for a run can neither approve nor reject it."
)
_LONG_NOTE = ProblemExample(
    problems.INVALID, errors=[body_error(["note"], "Length must be between 1 and 200.")]
)
APPROVE = (NO_RUN, NOT_THE_MAKER, NO_PAYMENTS, *BODY, _LONG_NOTE)
REJECT = (*HOLD[:2], NOT_THE_MAKER, NO_PAYMENTS, *BODY)
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "Up to 100,000 payments, and 32 MB. In CSV the first line names the columns, as "
    "the fields of a request for a payment are named (`metadata.NAME` for metadata, `options.NAME` "
    "for options), in any order; commas, semicolons or tabs are between them. An amount that can "
    "be read in two ways, such as `1,234`, is refused.",
    "content": {
        "application/json": {
            "schema": BulkPaymentsSchema,
            "example": {"payments": [examples.ORDER]},
        },
        "text/csv": {
            "schema": {"type": "string"},
            "example": "customer_id,email,amount,currency\n"
            f"{examples.CUSTOMER_ID},{examples.ORDER['email']},12.50,USD\n",
        },
    },
}
