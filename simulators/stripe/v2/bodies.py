"""JSON bodies of API version 2; a test compares each with the official library's types."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from simulators.stripe.currencies import DECIMALS
from simulators.stripe.v2.books import SentPayment
from simulators.stripe.v2.outcomes import method_outcome

PAYMENT_KIND = "v2.money_management.outbound_payment"
FEE = 50  # of each payment, in the smallest unit of the currency drawn
_CURRENCIES = [code.lower() for code in DECIMALS]


def moment(micros: int | None) -> str | None:
    """Format a time as version 2 does: ``2026-03-01T09:30:00.123Z``."""
    if micros is None:
        return None
    text = datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def recipient_body(
    recipient_id: str, made_of: dict[str, Any], created_at: int, *, closed: bool
) -> dict[str, Any]:
    """Return a recipient, with what its creation wanted to see included."""
    included = made_of.get("include", [])
    body = {
        "id": recipient_id,
        "object": "v2.core.account",
        "applied_configurations": ["recipient"],
        "closed": closed,
        "configuration": None,
        "contact_email": made_of.get("contact_email"),
        "contact_phone": None,
        "created": moment(created_at),
        "dashboard": "none",
        "defaults": None,
        "display_name": made_of.get("display_name"),
        "future_requirements": None,
        "identity": None,
        "livemode": False,
        "metadata": made_of.get("metadata", {}),
        "requirements": None,
    }
    if "configuration.recipient" in included:
        networks = dict.fromkeys(("ach", "fedwire", "fps", "rtp", "sepa", "swift"))
        local = {"status": "active", "status_details": []}
        kinds = {"bank_accounts": networks | {"local": local}, "cards": None}
        recipient = {"applied": True, "capabilities": {**kinds, "stripe_balance": None}}
        body["configuration"] = {"customer": None, "merchant": None, "recipient": recipient}
    return body


def method_body(method_id: str, account: dict[str, Any], created_at: int) -> dict[str, Any]:
    """Return a payout method of a bank account."""
    outcome = method_outcome(method_id)
    currencies = outcome.currencies or {account["currency"], *_CURRENCIES}
    return {
        "id": method_id,
        "object": "v2.money_management.payout_method",
        "archived": outcome.archived,
        "bank_account": {
            "bank_account_type": account.get("bank_account_type", "checking"),
            "bank_name": "STRIPE TEST BANK",
            "branch_number": account.get("branch_number"),
            "country": account["country"],
            "financial_connections_account": None,
            "last4": account["account_number"][-4:],
            "routing_number": account.get("routing_number"),
            "supported_currencies": sorted(currencies),
            "swift_code": account.get("swift_code"),
        },
        "card": None,
        "created": moment(created_at),
        "latest_outbound_setup_intent": None,
        "livemode": False,
        "restricted": outcome.restricted,
        "type": "bank_account",
        "usage_status": {"payments": outcome.usage, "transfers": "ineligible"},
    }


def setup_intent_body(intent_id: str, method: dict[str, Any], created_at: int) -> dict[str, Any]:
    """Return an intent by which a bank account was set up."""
    return {
        "id": intent_id,
        "object": "v2.money_management.outbound_setup_intent",
        "created": moment(created_at),
        "livemode": False,
        "payout_method": method,
        "status": "succeeded",
        "usage_intent": "payment",
    }


def payment_body(payment: SentPayment, financial_account: str, now: int) -> dict[str, Any]:
    """Return an outbound payment."""
    outcome = method_outcome(payment.method)
    processing = payment.status == "processing"
    return {
        "id": payment.id,
        "object": "v2.money_management.outbound_payment",
        "amount": {"value": payment.amount, "currency": payment.currency},
        "cancelable": processing and not outcome.review,
        "created": moment(payment.created_at),
        "description": payment.description,
        "expected_arrival_date": moment(payment.posted_at)
        if payment.status in ("processing", "posted")
        else None,
        "from": {
            "debited": {"value": payment.debited, "currency": payment.from_currency},
            "financial_account": financial_account,
        },
        "livemode": False,
        "metadata": payment.metadata,
        "payout_intent": None,
        "recipient_notification": {"setting": "configured"},
        "recipient_verification": None,
        "statement_descriptor": "STRIPE",
        "status": payment.status,
        "status_details": _status_details(payment, review=processing and outcome.review),
        "status_transitions": {
            f"{status}_at": moment(at) if at is not None and at <= now else None
            for status, at in _times(payment).items()
        },
        "to": {
            "credited": {"value": payment.amount, "currency": payment.currency},
            "payout_method": payment.method,
            "payout_method_options": None,
            "recipient": payment.recipient,
        },
        "tracking_details": {
            "bank_account": {"trace_id": None},
            "card": None,
            "status": "pending",
            "type": "bank_account",
        },
    }


def _times(payment: SentPayment) -> dict[str, int | None]:
    return {
        "canceled": payment.canceled_at,
        "failed": payment.failed_at,
        "posted": payment.posted_at,
        "returned": payment.returned_at,
    }


def _status_details(payment: SentPayment, *, review: bool) -> dict[str, Any] | None:
    details: dict[str, Any] = dict.fromkeys(("failed", "processing", "returned"))
    if review:
        return details | {"processing": {"reason": "under_review"}}
    if payment.status in ("failed", "returned"):
        return details | {payment.status: {"reason": payment.reason}}
    return None


def account_body(
    account_id: str, available: dict[str, int], pending: dict[str, int], created_at: int
) -> dict[str, Any]:
    """Return a financial account with its balance."""
    amounts = {
        name: {code: {"value": value, "currency": code} for code, value in values.items()}
        for name, values in (("available", available), ("outbound_pending", pending))
    }
    return {
        "id": account_id,
        "object": "v2.money_management.financial_account",
        "balance": {**amounts, "inbound_pending": {}},
        "country": "US",
        "created": moment(created_at),
        "display_name": None,
        "livemode": False,
        "metadata": {},
        "other": None,
        "status": "open",
        "storage": {
            "deposit_insurance_eligibility": None,
            "holds_currencies": sorted(available),
        },
        "type": "storage",
    }


def transaction_bodies(payment: SentPayment, account_id: str) -> list[dict[str, Any]]:
    """Return the transactions of a payment: its amount, and the fee once it was posted."""
    amounts = {"outbound_payment": payment.debited}
    if payment.status in ("posted", "returned"):
        amounts["stripe_fee"] = FEE
    return [_transaction(payment, account_id, *each) for each in amounts.items()]


def _transaction(
    payment: SentPayment, account_id: str, category: str, amount: int
) -> dict[str, Any]:
    nothing = {"value": 0, "currency": payment.from_currency}
    taken = {"value": -amount, "currency": payment.from_currency}
    flow = dict.fromkeys(
        (
            *("adjustment", "currency_conversion", "fee_batch", "inbound_transfer"),
            *("outbound_transfer", "received_credit", "received_debit"),
        )
    )
    return {
        "id": f"trxn_{category}_{payment.id.removeprefix('obp_')}",
        "object": "v2.money_management.transaction",
        "amount": taken,
        "balance_impact": {
            "available": taken,
            "inbound_pending": nothing,
            "outbound_pending": nothing,
        },
        "category": category,
        "counterparty": None,
        "created": moment(payment.created_at),
        "description": payment.description,
        "financial_account": account_id,
        "flow": {**flow, "outbound_payment": payment.id, "type": "outbound_payment"},
        "livemode": False,
        "metadata": {},
        "regulatory_receipt": {
            "status": "not_applicable",
            "url": None,
            "url_expires_at": None,
        },
        "status": "posted",
        "status_transitions": {"posted_at": moment(payment.created_at), "void_at": None},
    }


def page_body(data: list[dict[str, Any]], following: str | None) -> dict[str, Any]:
    """Return a page of a list (https://docs.stripe.com/api/pagination)."""
    return {"data": data, "next_page_url": following, "previous_page_url": None}


def thin_body(event_id: str, event_type: str, subject: str, created: str) -> dict[str, Any]:
    """Return an event as it is delivered."""
    return {
        "id": event_id,
        "object": "v2.core.event",
        "type": event_type,
        "created": created,
        "livemode": False,
        "context": None,
        "reason": None,
        "related_object": {
            "id": subject,
            "type": PAYMENT_KIND,
            "url": f"/v2/money_management/outbound_payments/{subject}",
        },
    }
