"""Schemas of bulk runs."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from paymentapp.models.bulk import (
    BULK_ID_PATTERN,
    ROWS_MAX,
    BulkAction,
    BulkMode,
    BulkRun,
    BulkStatus,
)
from paymentapp.models.payments import Status
from paymentapp.schemas.common import (
    PAYMENT_ID_PATTERN,
    Moment,
    Pattern,
    QueryInteger,
    TextOrNull,
    page_limit,
)
from paymentapp.schemas.payment_orders import PaymentOrderSchema

_FLAGS = {"true": True, "false": False}
_LAST_LINE = 10**8


class QueryFlag(fields.Boolean):
    """`true` or `false` in a query string; `Boolean` would also accept other words."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if value not in _FLAGS:
            raise ValidationError("Must be true or false.")
        return _FLAGS[value]


class BulkTermsSchema(Schema):
    """How a run is asked for."""

    mode = fields.Enum(
        BulkMode,
        by_value=True,
        load_default=BulkMode.ALL,
        metadata={
            "description": "`all`: no row is paid unless every row is fine. `each`: a row that is "
            "not fine is left out."
        },
    )
    dry_run = QueryFlag(
        load_default=False,
        metadata={"description": "Whether rows are only checked, and none is paid."},
    )
    register = QueryFlag(
        load_default=False,
        metadata={
            "description": "Whether a customer who is unknown is registered with the row's e-mail. "
            "Requires the scope `customers:write` too."
        },
    )


def _count(description: str) -> fields.Integer:
    return fields.Integer(
        required=True, metadata={"minimum": 0, "maximum": ROWS_MAX, "description": description}
    )


class BulkOrderSchema(Schema):
    """An order for every payment of a run."""

    action = fields.Enum(BulkAction, by_value=True, required=True)
    by = TextOrNull(required=True)
    at = Moment(required=True)
    note = TextOrNull(required=True)


class BulkTallySchema(Schema):
    """The payments of a run by status, as of a time."""

    as_of = Moment(required=True)
    counts = fields.Function(
        lambda tally: [
            {"status": status, "count": count} for status, count in sorted(tally.counts.items())
        ],
        required=True,
        metadata={
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "status": {"type": "string"},
                    "count": {"type": "integer", "minimum": 1, "maximum": ROWS_MAX},
                },
                "required": ["status", "count"],
            },
        },
    )


class BulkRunSchema(Schema):
    """A bulk run and its progress."""

    bulk_id = fields.String(required=True, validate=Pattern(BULK_ID_PATTERN))
    status = fields.Enum(
        BulkStatus,
        by_value=True,
        required=True,
        metadata={
            "description": "`checking` and `accepting` go on. At the end: `completed`, `checked` "
            "(a dry run), `refused` (a row is not fine, and none is paid), `cancelled`."
        },
    )
    mode = fields.Enum(BulkMode, by_value=True, required=True)
    dry_run = fields.Boolean(attribute="is_dry", required=True)
    register = fields.Boolean(
        attribute="registers",
        required=True,
        metadata={"description": "Whether customers who are unknown are registered."},
    )
    total = _count("Rows.")
    accepted = _count("Rows that have a payment; while rows are checked, those that are fine.")
    rejected = _count("Rows that have none, for a reason that the list of rows tells.")
    sums = fields.Function(
        lambda run: _sums(run),
        required=True,
        metadata={
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"currency": {"type": "string"}, "amount": {"type": "number"}},
                "required": ["currency", "amount"],
            },
            "description": "The amounts of the rows in `accepted`, by currency.",
        },
    )
    payments = fields.Nested(
        BulkTallySchema,
        attribute="tally",
        required=True,
        allow_none=True,
        metadata={
            "description": "Its payments by status. Those of a run of up to 500 rows are counted "
            "whenever it is shown by itself. Those of any run are counted from its end on, after "
            "10 seconds and then less and less often: `as_of` says when. Null until then."
        },
    )
    created_at = Moment(required=True)
    created_by = TextOrNull(required=True)
    completed_at = Moment(required=True, allow_none=True)
    held_by = TextOrNull(required=True, metadata={"description": "Who holds it, or null."})
    cancelled_by = TextOrNull(required=True, metadata={"description": "Who cancelled it, or null."})
    reason = TextOrNull(required=True, metadata={"description": "Why it is held, or null."})
    order = fields.Nested(
        BulkOrderSchema,
        required=True,
        allow_none=True,
        metadata={"description": "What was ordered last for all of its payments, or null."},
    )
    order_open = fields.Boolean(
        attribute="has_open_order",
        required=True,
        metadata={"description": "Whether that is still to be carried out."},
    )


def _sums(run: BulkRun) -> list[dict[str, Any]]:
    return [{"currency": name, "amount": amount} for name, amount in sorted(run.sums.items())]


class BulkQuerySchema(Schema):
    """Position of a page of runs."""

    limit = page_limit("How many runs to show at most.")
    cursor = fields.String(
        load_default=None,
        validate=Pattern(BULK_ID_PATTERN, error="Must be a next_cursor."),
        metadata={"description": "`next_cursor` of the previous page."},
    )


class BulkPageSchema(Schema):
    """One page of runs, newest first."""

    runs = fields.List(fields.Nested(BulkRunSchema), required=True)
    next_cursor = fields.String(
        required=True,
        allow_none=True,
        validate=Pattern(BULK_ID_PATTERN),
        metadata={"description": "The `cursor` of the next page; null at the end."},
    )


class RowErrorSchema(Schema):
    """What is wrong with a row, and what would do."""

    field = fields.String(
        attribute="column",
        required=True,
        metadata={"description": "The column or the field; empty for the whole row."},
    )
    message = fields.String(required=True)


class BulkRowSchema(Schema):
    """A row, and what became of it."""

    line = fields.Integer(
        required=True,
        metadata={"minimum": 1, "description": "The line of the file, or the member's number."},
    )
    customer_id = TextOrNull(required=True)
    payment_id = fields.String(required=True, allow_none=True, validate=Pattern(PAYMENT_ID_PATTERN))
    payment_status = fields.Enum(
        Status,
        by_value=True,
        required=True,
        allow_none=True,
        metadata={"description": "The status of its payment now, or null."},
    )
    errors = fields.List(fields.Nested(RowErrorSchema), attribute="problems", required=True)


class RowFilterSchema(Schema):
    """Which rows to show, and the position of the page."""

    status = fields.String(
        load_default=None,
        validate=validate.OneOf(("accepted", "rejected")),
        metadata={"description": "Only rows that are fine, or only those that are not."},
    )
    limit = page_limit("How many rows to show at most.")
    cursor = QueryInteger(
        load_default=0,
        validate=validate.Range(0, _LAST_LINE),
        metadata={"description": "`next_cursor` of the previous page."},
    )


class BulkRowsSchema(Schema):
    """One page of rows, in their order."""

    rows = fields.List(fields.Nested(BulkRowSchema), required=True)
    next_cursor = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The `cursor` of the next page; null at the end."},
    )


class BulkPaymentsSchema(Schema):
    """The body of a run in JSON. For the document alone: rows are read one by one."""

    payments = fields.List(
        fields.Nested(PaymentOrderSchema), required=True, validate=validate.Length(1, ROWS_MAX)
    )
