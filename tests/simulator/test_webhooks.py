"""Signed events, and the endpoint that tells a genuine one from any other."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from paymentapp.simulator.outcomes import BY_PREFIX

from .support import VERIFY, Api


def issue(api: Api, **wanted: Any) -> dict[str, Any]:
    """The body of a verify call about a freshly signed event."""
    wanted = wanted or {"event_type": "PAYMENT.PAYOUTSBATCH.SUCCESS", "resource": {"n": "1.50"}}
    answer = api.control("POST", "events", json=wanted)
    assert answer.status_code == 201, answer.text
    signed = answer.get_json()
    return {
        "auth_algo": signed["headers"]["PAYPAL-AUTH-ALGO"],
        "cert_url": signed["headers"]["PAYPAL-CERT-URL"],
        "transmission_id": signed["headers"]["PAYPAL-TRANSMISSION-ID"],
        "transmission_sig": signed["headers"]["PAYPAL-TRANSMISSION-SIG"],
        "transmission_time": signed["headers"]["PAYPAL-TRANSMISSION-TIME"],
        "webhook_id": "SIMULATORWEBHOOK01",
        "webhook_event": json.loads(signed["body"]),
    }


def test_an_issued_event_verifies(api: Api) -> None:
    answer = api.post(VERIFY, issue(api))
    assert (answer.status_code, answer.get_json()) == (200, {"verification_status": "SUCCESS"})


FORGERIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another event": lambda body: body["webhook_event"].update(id="WH-other"),
    "an amount": lambda body: body["webhook_event"]["resource"].update(n="9.50"),
    "another time": lambda body: body.update(transmission_time="2026-03-01T09:30:01Z"),
    "another transmission": lambda body: body.update(transmission_id="a-" + "1" * 20),
    "another webhook": lambda body: body.update(webhook_id="ANOTHER1"),
    "another signature": lambda body: body.update(
        transmission_sig=base64.b64encode(b"\x1f" * 32).decode()
    ),
    "another algorithm": lambda body: body.update(auth_algo="MD5"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_event_does_not(api: Api, forgery: str) -> None:
    body = issue(api)
    FORGERIES[forgery](body)
    answer = api.post(VERIFY, body)
    assert (answer.status_code, answer.get_json()) == (200, {"verification_status": "FAILURE"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("auth_algo", "SHA 256"),
        ("cert_url", "cert"),
        ("transmission_id", "12345"),
        ("transmission_sig", "s" * 501),
        ("transmission_time", "yesterday"),
        ("webhook_id", "no-dash"),
        ("webhook_event", "text"),
    ],
)
def test_a_malformed_field_is_refused(api: Api, field: str, value: str) -> None:
    for changed in (value, None):
        answer = api.post(VERIFY, issue(api) | {field: changed})
        assert answer.status_code == 400
        assert [each["field"] for each in answer.get_json()["details"]] == [field]


def test_the_checksum_is_that_of_the_bytes_sent(api: Api) -> None:
    signed = api.control("POST", "events", json={"event_type": "X", "resource": {"é": "ü"}})
    body = signed.get_json()["body"]
    again = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert zlib.crc32(body.encode()) == zlib.crc32(again.encode())


@pytest.mark.parametrize("prefix", [*BY_PREFIX, "ann"])
def test_an_event_tells_of_an_item(api: Api, prefix: str) -> None:
    found = api.pay_one(f"{prefix}@example.com")
    body = issue(api, payout_item_id=found["payout_item_id"])
    names = {"SUCCESS": "SUCCEEDED", "ONHOLD": "HELD"}
    status = found["transaction_status"]
    expected = f"PAYMENT.PAYOUTS-ITEM.{names.get(status, status)}"
    assert body["webhook_event"]["event_type"] == expected
    assert body["webhook_event"]["resource"]["payout_item_id"] == found["payout_item_id"]
    assert "errors" not in body["webhook_event"]["resource"]
    assert api.post(VERIFY, body).get_json() == {"verification_status": "SUCCESS"}


@pytest.mark.parametrize(
    ("wanted", "status"),
    [({"payout_item_id": "NO"}, 404), ({}, 400), ({"event_type": 7}, 400), ([], 400)],
)
def test_an_event_about_nothing_is_refused(api: Api, wanted: Any, status: int) -> None:
    answer = api.control("POST", "events", json=wanted)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
