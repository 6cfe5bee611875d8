"""Examples of the OpenAPI document: the same customer and payment in every operation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paymentapp.providers.registry import DEFAULT, provider_class

METHOD_NAME = DEFAULT
CUSTOMER_ID = "unixuser1"
EMAIL = "unixuser1@example.com"
PAYMENT_ID = "2026-01-02T03:04:05.678901Z"
RETRY_ID = "2026-01-05T09:00:00.123456Z"
CLIENT = "payroll"
APPROVER = "controlling"
BATCH_ID = "20260102T030405680123-5f0c2b9e8d7a6f41"

NEW_CUSTOMER: dict[str, Any] = {
    "customer_id": CUSTOMER_ID,
    "email": EMAIL,
    "country": "DE",
    "vip": True,
}
CUSTOMER: dict[str, Any] = {
    "customer_id": CUSTOMER_ID,
    "email": EMAIL,
    "created_at": "2026-01-01T10:00:00.000000Z",
    "country": "DE",
    "vip": True,
}
CUSTOMERS: dict[str, Any] = {
    "customers": [CUSTOMER],
    "next_cursor": "dW5peHVzZXIx",
}
CUSTOMER_PATCH: dict[str, Any] = {"email": "unixuser2@example.com", "country": "FR", "vip": None}
CHANGED: dict[str, Any] = {
    "customer_id": CUSTOMER_ID,
    "email": CUSTOMER_PATCH["email"],
    "created_at": CUSTOMER["created_at"],
    "country": "FR",
}
ORDER: dict[str, Any] = {
    "customer_id": CUSTOMER_ID,
    "email": EMAIL,
    "amount": Decimal("10.1"),
    "currency": "USD",
    "reference": "invoice-1007",
    "description": "Invoice 1007, June",
    "metadata": {"department": "research"},
}


def _transition(
    seconds: str, status: str, cause: str, reference: str, by: str | None = None
) -> dict[str, str | None]:
    at = f"2026-01-02T03:04:{seconds}Z"
    return {"at": at, "status": status, "cause": cause, "reference": reference, "by": by}


_PENDING = _transition("05.678901", "pending", "request", "", CLIENT)
PENDING: dict[str, Any] = {
    **ORDER,
    "payment_id": PAYMENT_ID,
    "payment_method": METHOD_NAME,
    "payee": {"method": METHOD_NAME, "display": "u***@example.com"},
    "status": "pending",
    "created_at": PAYMENT_ID,
    "created_by": CLIENT,
    "updated_at": PAYMENT_ID,
    "scheduled_at": None,
    "options": {},
    "retry_of": None,
    "retried_by": None,
    "bulk_id": None,
    "reason": None,
    "provider_status": None,
    "cancel_requested": False,
    "route": None,
    "batch_id": None,
    "provider_item_id": None,
    "transaction_id": None,
    "settled_at": None,
    "fee": None,
    "exchange": None,
    "waiting_for": None,
    "waiting_since": None,
    "approval_rule": None,
    "approvals_needed": 0,
    "approvals": [],
    "erased_at": None,
    "history": [_PENDING],
}
HELD: dict[str, Any] = {
    **PENDING,
    "waiting_for": "hold",
    "waiting_since": "2026-01-02T03:04:06.000000Z",
}
SUCCEEDED: dict[str, Any] = {
    **PENDING,
    "status": "succeeded",
    "updated_at": "2026-01-02T03:04:09.123456Z",
    "provider_status": "SUCCESS",
    "batch_id": BATCH_ID,
    "provider_item_id": "8AELMXH8UB2P8",
    "transaction_id": "0C413693MN970190K",
    "settled_at": "2026-01-02T03:04:08.000000Z",
    "fee": {"amount": Decimal("0.25"), "currency": "USD"},
    "history": [
        _PENDING,
        _transition("05.690210", "submitting", "dispatch", BATCH_ID),
        _transition("06.501233", "submitted", "dispatch", BATCH_ID),
        _transition("09.123456", "succeeded", "poll", "8AELMXH8UB2P8"),
    ],
}
CANCELLED: dict[str, Any] = {
    **PENDING,
    "status": "cancelled",
    "updated_at": "2026-01-02T03:04:06.000000Z",
    "history": [_PENDING, _transition("06.000000", "cancelled", "request", "", CLIENT)],
}
APPROVAL_NOTE = {"note": "Invoice 1007 checked."}
_ASKED = _transition("05.678901", "awaiting_approval", "request", "USD 10..: 1", CLIENT)
_AWAITING = {**PENDING, "approval_rule": "USD 10..: 1", "approvals_needed": 1}
APPROVED: dict[str, Any] = {
    **_AWAITING,
    "updated_at": "2026-01-02T03:04:06.000000Z",
    "approvals": [
        {"at": "2026-01-02T03:04:06.000000Z", "by": APPROVER, **APPROVAL_NOTE, "void": False}
    ],
    "history": [_ASKED, _transition("06.000000", "pending", "person", "approved", APPROVER)],
}
REJECTION = {"reason": "Nobody knows this invoice."}
REJECTED: dict[str, Any] = {
    **_AWAITING,
    "status": "rejected",
    "updated_at": "2026-01-02T03:04:06.000000Z",
    **REJECTION,
    "history": [
        _ASKED,
        _transition("06.000000", "rejected", "person", REJECTION["reason"], APPROVER),
    ],
}
RETRY: dict[str, Any] = {
    **PENDING,
    "payment_id": RETRY_ID,
    "created_at": RETRY_ID,
    "updated_at": RETRY_ID,
    "retry_of": PAYMENT_ID,
    "history": [{**_PENDING, "at": RETRY_ID}],
}
NEW_HOLD: dict[str, Any] = {
    "scope": "customer",
    "value": CUSTOMER_ID,
    "reason": "The bank details changed by phone.",
}
HOLD: dict[str, Any] = {
    "hold_id": "20260102T030406000000-5f0c2b9e",
    **NEW_HOLD,
    "by": CLIENT,
    "created_at": "2026-01-02T03:04:06.000000Z",
}
EVENT: dict[str, Any] = {
    "id": "evt_00001767323049123456a1b2c3000",
    "type": "payment.succeeded",
    "timestamp": "2026-01-02T03:04:09.123456Z",
    "data": SUCCEEDED,
}
BATCH_EVENT: dict[str, Any] = {
    "id": "evt_00001767323049123456a1b2c3001",
    "type": "batch.parked",
    "timestamp": "2026-01-27T03:04:06.000000Z",
    "data": {
        "batch_id": "20260102T030405123456-5f0c2b9e5f0c2b9e",
        "payment_method": METHOD_NAME,
        "currency": "USD",
        "payments": 2,
        "total": 42.5,
        "since": "2026-01-27T03:04:06.000000Z",
        "reason": "OutcomeUnknown: TIMEOUT",
        "by": None,
    },
}
OUTAGE_EVENT: dict[str, Any] = {
    "id": "evt_00001767323049123456a1b2c3002",
    "type": "provider.failing",
    "timestamp": "2026-01-02T03:06:00.000000Z",
    "data": {
        "payment_method": METHOD_NAME,
        "since": "2026-01-02T03:05:00.000000Z",
        "reason": "NotSent: UNREACHABLE",
    },
}
EVENTS: dict[str, Any] = {"events": [EVENT], "next_cursor": EVENT["id"]}
HOLDS: dict[str, Any] = {"holds": [HOLD]}
NEW_ENDPOINT: dict[str, Any] = {
    "url": "https://books.example.com/payment-events",
    "event_types": ["payment.succeeded", "payment.failed", "payment.returned"],
    "description": "The books",
}
ENDPOINT: dict[str, Any] = {
    "id": "we_202601020304050000005f0c2b9e",
    **NEW_ENDPOINT,
    "status": "enabled",
    "disabled_reason": None,
    "created_at": "2026-01-02T03:04:05.000000Z",
    "created_by": CLIENT,
}
ENDPOINT_WITH_SECRET: dict[str, Any] = {
    **ENDPOINT,
    "secret": "whsec_" + "c2VjcmV0IG9mIGFuIGV4YW1wbGUsIG5vIG90aGVyIQ==",
}
ENDPOINTS: dict[str, Any] = {"webhook_endpoints": [ENDPOINT]}
DELIVERY: dict[str, Any] = {
    "id": EVENT["id"],
    "event_id": EVENT["id"],
    "event_type": EVENT["type"],
    "status": "pending",
    "attempts": 2,
    "last_status_code": 503,
    "last_error": "HTTP status 503",
    "last_attempt_at": "2026-01-02T03:04:14.000000Z",
    "next_attempt_at": "2026-01-02T03:09:20.000000Z",
    "created_at": "2026-01-02T03:04:09.200000Z",
}
TEST_DELIVERY: dict[str, Any] = {
    **DELIVERY,
    "event_type": "webhook_endpoint.test",
    "attempts": 0,
    "last_status_code": None,
    "last_error": None,
    "last_attempt_at": None,
    "next_attempt_at": "2026-01-02T03:04:09.200000Z",
}
DELIVERIES: dict[str, Any] = {"deliveries": [DELIVERY], "next_cursor": None}
LIMIT: dict[str, Any] = {
    "rule": "customer USD 5000/day",
    "currency": "USD",
    "limit": 5000,
    "used": 4900,
    "remaining": 100,
    "resets_at": "2026-01-03T00:00:00.000000Z",
}
LIMITS: dict[str, Any] = {"limits": [LIMIT]}
BALANCE: dict[str, Any] = {
    "payment_method": METHOD_NAME,
    "currency": "USD",
    "available": Decimal("25000.5"),
    "as_of": "2026-01-02T03:00:00.000000Z",
    "pending": Decimal("1200.75"),
    "pending_complete": True,
    "pending_as_of": "2026-01-02T03:04:09.000000Z",
}
BALANCES: dict[str, Any] = {"balances": [BALANCE]}
METHOD: dict[str, Any] = {
    "customer_id": CUSTOMER_ID,
    "payment_method": METHOD_NAME,
    "details": dict(provider_class(DEFAULT).example_details),
    "default": False,
    "updated_at": "2026-01-01T11:00:00.000000Z",
    "note": None,
    "usable": True,
    "reason": None,
}
NEW_METHOD: dict[str, Any] = {"details": METHOD["details"], "default": False}
METHODS: dict[str, Any] = {"customer_id": CUSTOMER_ID, "payment_methods": [METHOD]}
_CHANGE: dict[str, Any] = {
    "version": 1,
    "at": CUSTOMER["created_at"],
    "what": "registered",
    "cause": "request",
    "by": CLIENT,
    "email": EMAIL,
    "payment_method": None,
    "details": None,
    "note": None,
}
_PUT = {
    **_CHANGE,
    "version": 2,
    "at": METHOD["updated_at"],
    "what": "method_put",
    "email": None,
    "payment_method": METHOD_NAME,
    "details": METHOD["details"],
}
HISTORY: dict[str, Any] = {
    "customer_id": CUSTOMER_ID,
    "history": [_PUT, _CHANGE],
    "next_cursor": None,
}
PAGE: dict[str, Any] = {
    "customer_id": CUSTOMER_ID,
    "payments": [SUCCEEDED],
    "next_cursor": "MjAyNi0wMS0wMlQwMzowNDowNS42Nzg5MDFa",
}
ACCOUNT_PAGE: dict[str, Any] = {
    "payments": [SUCCEEDED],
    "next_cursor": "MjAyNi0wMS0wMlQwMzowNDowNS42Nzg5MDFaIHVuaXh1c2VyMQ==",
}
NOT_ALIVE = {"status": "failing", "detail": "thread sweeper has ended"}
READY = {"status": "ready"}
NOT_READY = {"status": "not ready"}
READINESS: dict[str, Any] = {
    "status": "not ready",
    "checks": [
        {"name": "store", "ok": True, "detail": "answers, and can be written"},
        {"name": "dispatcher", "ok": False, "detail": "no dispatcher is running"},
        {"name": "holds", "ok": True, "detail": "none"},
        {"name": "inbox", "ok": True, "detail": "nothing waits for an operator"},
        {"name": f"provider {METHOD_NAME}", "ok": True, "detail": "configured"},
    ],
}
