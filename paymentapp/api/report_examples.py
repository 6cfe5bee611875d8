"""Examples of reports in the OpenAPI document: the payment of the other examples."""

from __future__ import annotations

from decimal import Decimal

from paymentapp.api import examples
from paymentapp.clock import from_text
from paymentapp.exports.text import to_csv, to_json_lines
from paymentapp.models.reports import COLUMNS, PaymentRow

_SETTLED_AT = from_text("2026-01-02T03:04:09Z")
_VALUES = {
    **{name: examples.SUCCEEDED.get(name) for name in COLUMNS},
    "created_at": from_text(examples.SUCCEEDED["created_at"]),
    "updated_at": from_text(examples.SUCCEEDED["updated_at"]),
    "amount": Decimal("10.10"),
    "payee": examples.SUCCEEDED["payee"]["display"],
    "payout_date": _SETTLED_AT.date(),
    "settled_at": _SETTLED_AT,
    "fee_amount": Decimal("0.25"),
    "fee_currency": "USD",
    "metadata": tuple(examples.SUCCEEDED["metadata"].items()),
}
_ROW = PaymentRow(**_VALUES)

CSV = b"".join(to_csv([_ROW])).decode()
JSON_LINES = b"".join(to_json_lines([_ROW])).decode()

_TOTAL = {
    "currency": "USD",
    "payments": 1,
    "amount": Decimal("10.10"),
    "fees": [{"amount": Decimal("0.25"), "currency": "USD"}],
}
_GROUP = {"day": "2026-01-02", "payment_method": None, "status": "succeeded", "created_by": None}
SUMMARY = {
    "by": ["day", "status"],
    "payments": 1,
    "groups": [{**_GROUP, **_TOTAL}],
    "totals": [_TOTAL],
}
