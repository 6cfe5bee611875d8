"""Schemas of reports: the filters of the list of payments, and how payees are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from marshmallow import Schema, fields, post_load, validate
from webargs.fields import DelimitedList

from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.payments import Status
from paymentapp.models.report_totals import Dimension, GroupTotal
from paymentapp.schemas.account_payments import AccountQuerySchema
from paymentapp.schemas.common import Total, currency
from paymentapp.schemas.settled import MoneySchema, money_body
from paymentapp.services.reports import PAGE, Summary

MASKED, FULL = "masked", "full"


class ReportRequest(NamedTuple):
    """What a report is wanted of, and whether it shows payees in full."""

    query: AccountQuery
    full_payees: bool


class ReportFiltersSchema(AccountQuerySchema):
    """The filters of the list of payments, without its pages. Loads as an AccountQuery."""

    class Meta:
        exclude = ("limit", "cursor")

    @post_load
    def make_query(self, data: dict[str, Any], **_: Any) -> Any:
        """Return the loaded fields as an AccountQuery, whose limit a report does not use."""
        return AccountQuery(PAGE, **data)


class ReportQuerySchema(ReportFiltersSchema):
    """Filters of a report of payments. Loads as a ReportRequest."""

    payees = fields.String(
        load_default=MASKED,
        validate=validate.OneOf((MASKED, FULL)),
        metadata={
            "description": "`masked`, or `full` for whole e-mail addresses, which also requires "
            "the scope `customers:read`. Account details are masked in both."
        },
    )

    @post_load
    def make_query(self, data: dict[str, Any], **_: Any) -> Any:
        """Return the loaded fields as a ReportRequest."""
        full = data.pop("payees") == FULL
        return ReportRequest(AccountQuery(PAGE, **data), full)


class SummaryRequest(NamedTuple):
    """What a summary is wanted of, and by what it groups."""

    query: AccountQuery
    by: Sequence[Dimension]


class SummaryQuerySchema(ReportFiltersSchema):
    """Filters of a summary of payments, and its groups. Loads as a SummaryRequest."""

    by = DelimitedList(
        fields.Enum(Dimension, by_value=True),
        metadata={
            "description": "What to group by besides the currency, separated by commas: `day` (of "
            "the request, UTC), `payment_method`, `status`, `created_by`."
        },
    )

    @post_load
    def make_query(self, data: dict[str, Any], **_: Any) -> Any:
        """Return the loaded fields as a SummaryRequest."""
        by = data.pop("by", [Dimension.CURRENCY])
        return SummaryRequest(AccountQuery(PAGE, **data), by)


class TotalSchema(Schema):
    """The payments of one currency: how many, their sum and their fees."""

    currency = currency()
    payments = fields.Integer(required=True, metadata={"description": "How many payments."})
    amount = Total("Sum of the amounts, with all decimals of the currency.")
    fees = fields.List(
        fields.Nested(MoneySchema),
        required=True,
        metadata={"description": "Sums of the fees that providers have told, by their currency."},
    )


class GroupSchema(TotalSchema):
    """The payments of one group."""

    day = fields.Date(
        required=True, allow_none=True, metadata={"description": "Null unless grouped by day."}
    )
    payment_method = fields.String(
        required=True, allow_none=True, metadata={"description": "Null unless grouped by it."}
    )
    status = fields.Enum(
        Status,
        by_value=True,
        required=True,
        allow_none=True,
        metadata={"description": "Null unless grouped by it."},
    )
    created_by = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Null unless grouped by it; empty where no client is on record."},
    )


class SummarySchema(Schema):
    """The sums of payments. Dumps a Summary."""

    by = fields.List(fields.Enum(Dimension, by_value=True), required=True)
    payments = fields.Integer(required=True, metadata={"description": "How many payments."})
    groups = fields.List(fields.Nested(GroupSchema), required=True)
    totals = fields.List(
        fields.Nested(TotalSchema), required=True, metadata={"description": "By currency alone."}
    )

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:  # noqa: ARG002  # never many
        """Return the body of a summary."""
        summary: Summary = obj
        return {
            "by": [each.value for each in summary.by],
            "payments": summary.payments,
            "groups": [_group_body(each) for each in summary.groups],
            "totals": [_total_body(each) for each in summary.totals],
        }


def _total_body(total: GroupTotal) -> dict[str, Any]:
    return {
        "currency": total.key.currency,
        "payments": total.payments,
        "amount": total.amount,
        "fees": list(map(money_body, total.fees)),
    }


def _group_body(total: GroupTotal) -> dict[str, Any]:
    return {**total.key._asdict(), **_total_body(total)}
