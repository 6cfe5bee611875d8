"""Schemas of reports: the filters of the list of payments, and how payees are shown."""

from __future__ import annotations

from typing import Any, NamedTuple

from marshmallow import fields, post_load, validate

from paymentapp.models.account_payments import AccountQuery
from paymentapp.schemas.account_payments import AccountQuerySchema
from paymentapp.services.reports import PAGE

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
