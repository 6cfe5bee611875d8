"""JSON bodies of transfers, reversals, payouts and balances, as in Stripe's API reference.

https://docs.stripe.com/api/transfers/object, .../transfer_reversals/object, .../payouts/object,
.../balance/balance_object; the members are those of the fixtures of github.com/stripe/openapi.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulators.stripe.accounts import FAILURES
from simulators.stripe.books import StripeBooks
from simulators.stripe.records import StripeMove, derived_id, seconds

SHOWN_REVERSALS = 10


def body_of(books: StripeBooks, move: StripeMove) -> dict[str, Any]:
    """Return the JSON of a move of any kind."""
    if move.kind == "transfer":
        return transfer_body(move, *books.reversals_of(move.id, SHOWN_REVERSALS))
    return reversal_body(move) if move.kind == "reversal" else payout_body(move)


def listed(data: Sequence[dict[str, Any]], url: str, *, has_more: bool) -> dict[str, Any]:
    """Return a list in the shape of https://docs.stripe.com/api/pagination."""
    return {"object": "list", "data": list(data), "has_more": has_more, "url": url}


def transfer_body(
    move: StripeMove, reversals: Sequence[StripeMove], has_more: bool
) -> dict[str, Any]:
    """Return a transfer with its last reversals."""
    url = f"/v1/transfers/{move.id}/reversals"
    return {
        "id": move.id,
        "object": "transfer",
        "amount": move.amount,
        "amount_reversed": move.amount_reversed,
        "balance_transaction": derived_id("txn_", move.id),
        "created": seconds(move.created_at),
        "currency": move.currency.lower(),
        "description": move.description,
        "destination": move.destination,
        "destination_payment": derived_id("py_", move.id),
        "livemode": False,
        "metadata": move.metadata,
        "reversals": listed([reversal_body(each) for each in reversals], url, has_more=has_more),
        "reversed": move.amount_reversed == move.amount,
        "source_transaction": None,
        "source_type": move.source_type or "card",
        "transfer_group": move.transfer_group,
    }


def balance_transaction_body(move: StripeMove) -> dict[str, Any]:
    """Return the balance transaction of a transfer: it costs nothing, and is not converted.

    https://docs.stripe.com/api/balance_transactions/object
    """
    return {
        "id": derived_id("txn_", move.id),
        "object": "balance_transaction",
        "amount": -move.amount,
        "available_on": seconds(move.created_at),
        "balance_type": "payments",
        "created": seconds(move.created_at),
        "currency": move.currency.lower(),
        "description": move.description,
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": -move.amount,
        "reporting_category": "transfer",
        "source": move.id,
        "status": "available",
        "type": "transfer",
    }


def reversal_body(move: StripeMove) -> dict[str, Any]:
    """Return a reversal of a transfer."""
    return {
        "id": move.id,
        "object": "transfer_reversal",
        "amount": move.amount,
        "balance_transaction": derived_id("txn_", move.id),
        "created": seconds(move.created_at),
        "currency": move.currency.lower(),
        "destination_payment_refund": derived_id("pyr_", move.id),
        "metadata": move.metadata,
        "source_refund": None,
        "transfer": move.transfer,
    }


def payout_body(move: StripeMove) -> dict[str, Any]:
    """Return a payout; its failure shows only once it has failed."""
    failed = move.status == "failed"
    returned = failed or move.status == "canceled"
    code = move.failure_code if failed else None
    return {
        "id": move.id,
        "object": "payout",
        "amount": move.amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": seconds(move.arrival_at or 0),
        "automatic": False,
        "balance_transaction": derived_id("txn_", move.id),
        "created": seconds(move.created_at),
        "currency": move.currency.lower(),
        "description": move.description,
        "destination": move.destination,
        "failure_balance_transaction": derived_id("txn_f", move.id) if returned else None,
        "failure_code": code,
        "failure_message": FAILURES[code] if code else None,
        "livemode": False,
        "metadata": move.metadata,
        "method": move.method,
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "not_applicable",
        "reversed_by": None,
        "source_type": move.source_type or "card",
        "statement_descriptor": move.statement_descriptor,
        "status": move.status,
        "trace_id": _trace(move),
        "type": "bank_account",
    }


def _trace(move: StripeMove) -> dict[str, Any]:
    if move.status == "paid":
        return {"status": "supported", "value": derived_id("", move.id)[:15]}
    return {"status": "pending", "value": None}


def balance_body(
    available: Mapping[str, int], of_banks: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Return a balance of `card` and, where there is one, of `bank_account` funds.

    Nothing is ever pending.
    """
    codes = sorted({*available, *(of_banks or {})})
    by_source = {code: {"card": available.get(code, 0)} for code in codes}
    for code, amount in (of_banks or {}).items():
        by_source[code]["bank_account"] = amount
    return {
        "object": "balance",
        "available": [_funds(code, amounts) for code, amounts in by_source.items()],
        "livemode": False,
        "pending": [_funds(code, {"card": 0}) for code in by_source],
    }


def _funds(code: str, amounts: Mapping[str, int]) -> dict[str, Any]:
    total = sum(amounts.values())
    return {"amount": total, "currency": code.lower(), "source_types": dict(amounts)}
