"""Schemas of the list of the account's payments."""

from __future__ import annotations

import re
from datetime import time
from decimal import Decimal
from typing import Any

from marshmallow import Schema, fields, post_load

from paymentapp.clock import from_text, to_text
from paymentapp.models.account_payments import AccountQuery, ListPosition
from paymentapp.models.bulk import BULK_ID_PATTERN
from paymentapp.models.caller_texts import REFERENCE_PATTERN
from paymentapp.models.customers import CUSTOMER_ID_PATTERN
from paymentapp.models.money import CURRENCY_PATTERN
from paymentapp.models.payments import Status
from paymentapp.schemas.common import (
    METHOD_PATTERN,
    Boundary,
    Cursor,
    Pattern,
    page_limit,
)
from paymentapp.schemas.payments import PaymentSchema

_NAME_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,255}$"
_PROVIDER_ID_PATTERN = r"^[!-~]{1,128}$"


class AccountCursor(Cursor):
    """The position of the next page of the account's payments: a payment id, and a word."""

    format = "account-cursor"

    def _text_of(self, position: Any) -> str:
        return " ".join(position)

    def _position_of(self, text: bytes) -> Any:
        payment_id, _, tie = text.decode("ascii").partition(" ")
        if re.fullmatch(CUSTOMER_ID_PATTERN, tie) is None:
            raise ValueError("not a position")
        return ListPosition(to_text(from_text(payment_id)), tie)


class QueryAmount(fields.String):
    """An amount in a query string: digits, and decimals after a point. Loads as a Decimal."""

    pattern = r"^[0-9]{1,15}(\.[0-9]{1,6})?$"
    default_error_messages = {"invalid": "Must be an amount, such as 10 or 10.50."}

    def __init__(self, **kwargs: Any) -> None:
        metadata = kwargs.pop("metadata", {})
        super().__init__(metadata={"pattern": self.pattern, **metadata}, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        if re.fullmatch(self.pattern, text, re.ASCII) is None:
            raise self.make_error("invalid")
        return Decimal(text)


class AccountPageSchema(Schema):
    """One page of the account's payments."""

    payments = fields.List(fields.Nested(PaymentSchema), required=True)
    next_cursor = AccountCursor(required=True, allow_none=True)


class AccountQuerySchema(Schema):
    """Filters and position of the list of the account's payments. Loads as an AccountQuery."""

    limit = page_limit("How many payments to show at most.")
    cursor = AccountCursor(data_key="cursor", attribute="before")
    reference = fields.String(
        validate=Pattern(REFERENCE_PATTERN, error="Must be 1 to 100 printable ASCII characters."),
        metadata={"description": "Only payments with this reference of the caller's."},
    )
    status = fields.Enum(
        Status, by_value=True, metadata={"description": "Only payments with this status now."}
    )
    payment_method = fields.String(
        validate=Pattern(METHOD_PATTERN, error="Must be the name of a payment method."),
        metadata={"description": "Only payments that are made by this method."},
    )
    currency = fields.String(
        validate=Pattern(CURRENCY_PATTERN, error="Must be three capital letters (ISO 4217)."),
        metadata={"description": "Only payments in this currency (ISO 4217)."},
    )
    created_by = fields.String(
        validate=Pattern(_NAME_PATTERN, error="Must be 1 to 255 characters in one line."),
        metadata={"description": "Only payments that this client requested."},
    )
    provider_id = fields.String(
        validate=Pattern(
            _PROVIDER_ID_PATTERN,
            error="Must be 1 to 128 printable ASCII characters without blanks.",
        ),
        metadata={
            "description": "Only payments of this batch, item or transaction: any id that a "
            "provider gave, and those that it was given for the batch and the item."
        },
    )
    bulk_id = fields.String(
        validate=Pattern(BULK_ID_PATTERN, error="Must be the id of a bulk run."),
        metadata={"description": "Only payments of this bulk run."},
    )
    min_amount = QueryAmount(
        metadata={
            "description": "Only payments of at least this amount, compared as a number: add "
            "`currency`."
        }
    )
    max_amount = QueryAmount(
        metadata={
            "description": "Only payments of at most this amount, compared as a number: add "
            "`currency`."
        }
    )
    earliest = Boundary(
        time.min,
        data_key="from",
        metadata={
            "description": "Only payments requested at this time or later: a date (from 00:00 "
            "UTC), or a date and time with an offset."
        },
    )
    latest = Boundary(
        time.max,
        data_key="to",
        metadata={
            "description": "Only payments requested at this time or earlier: a date (to the end "
            "of that day, UTC), or a date and time with an offset."
        },
    )

    @post_load
    def make_query(self, data: dict[str, Any], **_: Any) -> AccountQuery:
        """Return the loaded fields as an AccountQuery."""
        return AccountQuery(**data)
