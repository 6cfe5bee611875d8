"""Signed events, and the endpoint that verifies them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from simulators import PayPalSimulatorSettings, create_simulator
from simulators.paypal.outcomes import BY_PREFIX

from .support import VERIFY, Api, FakeClock


def sign(api: Api, **wanted: Any) -> dict[str, Any]:
    """Return the headers and the body of a new signed event."""
    wanted = wanted or {"event_type": "PAYMENT.PAYOUTSBATCH.SUCCESS", "resource": {"n": "1.50"}}
    answer = api.control("POST", "events", json=wanted)
    assert answer.status_code == 201, answer.text
    signed: dict[str, Any] = answer.get_json()
    return signed


def issue(api: Api, **wanted: Any) -> dict[str, Any]:
    """Return the body of a verify call about a new signed event; the event in it is a text."""
    signed = sign(api, **wanted)
    return {
        "auth_algo": signed["headers"]["PAYPAL-AUTH-ALGO"],
        "cert_url": signed["headers"]["PAYPAL-CERT-URL"],
        "transmission_id": signed["headers"]["PAYPAL-TRANSMISSION-ID"],
        "transmission_sig": signed["headers"]["PAYPAL-TRANSMISSION-SIG"],
        "transmission_time": signed["headers"]["PAYPAL-TRANSMISSION-TIME"],
        "webhook_id": "SIMULATORWEBHOOK01",
        "webhook_event": signed["body"],
    }


def verdict(api: Api, body: dict[str, Any]) -> Any:
    """Return the answer of the verify call, with the event spliced in unchanged."""
    rest = {name: value for name, value in body.items() if name != "webhook_event"}
    text = json.dumps(rest)[:-1] + ', "webhook_event" : ' + body["webhook_event"] + "}"
    answer = api.call("POST", VERIFY, data=text.encode(), content_type="application/json")
    assert answer.status_code == 200, answer.text
    return answer.get_json()["verification_status"]


def test_an_issued_event_verifies(api: Api) -> None:
    assert verdict(api, issue(api)) == "SUCCESS"


def in_event(old: str, new: str) -> Callable[[dict[str, Any]], Any]:
    def change(body: dict[str, Any]) -> None:
        assert old in body["webhook_event"]
        body["webhook_event"] = body["webhook_event"].replace(old, new)

    return change


FORGERIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another event": in_event("WH-", "WX-"),
    "an amount": in_event("1.50", "9.50"),
    "written anew": in_event('"n":', '"n": '),
    "another time": lambda body: body.update(transmission_time="2026-03-01T09:30:01Z"),
    "another transmission": lambda body: body.update(transmission_id="a-" + "1" * 20),
    "another webhook": lambda body: body.update(webhook_id="ANOTHER1"),
    "another signature": lambda body: body.update(
        transmission_sig=base64.b64encode(b"\x1f" * 256).decode()
    ),
    "no signature": lambda body: body.update(transmission_sig="not-base64"),
    "another algorithm": lambda body: body.update(auth_algo="MD5"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_event_does_not(api: Api, forgery: str) -> None:
    body = issue(api)
    FORGERIES[forgery](body)
    assert verdict(api, body) == "FAILURE"


def test_an_event_is_signed_as_paypal_signs(api: Api) -> None:
    signed = sign(api, event_type="X", resource={"é": "ü"})
    headers = signed["headers"]
    pem = api.app.test_client().get(urlsplit(headers["PAYPAL-CERT-URL"]).path)
    assert (pem.status_code, pem.mimetype) == (200, "application/x-pem-file")
    certificate = load_pem_x509_certificate(pem.data)
    issuer = load_pem_x509_certificate(api.control("GET", "ca").data)
    certificate.verify_directly_issued_by(issuer)
    crc = zlib.crc32(signed["body"].encode())
    text = f"{headers['PAYPAL-TRANSMISSION-ID']}|{headers['PAYPAL-TRANSMISSION-TIME']}"
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    key.verify(
        base64.b64decode(headers["PAYPAL-TRANSMISSION-SIG"]),
        f"{text}|SIMULATORWEBHOOK01|{crc}".encode(),
        PKCS1v15(),
        SHA256(),
    )


def test_another_certificate_is_not_there(api: Api) -> None:
    assert api.app.test_client().get("/v1/notifications/certs/CERT-1").status_code == 404


def test_the_keys_outlive_the_simulator(tmp_path: Path, clock: FakeClock) -> None:
    settings = PayPalSimulatorSettings(state=str(tmp_path / "paypal.db"))
    found = []
    for _ in range(2):
        app = create_simulator(settings, clock)
        found.append(app.test_client().get("/_simulator/ca").data)
        app.extensions["simulator"].database.close()
    assert found[0] == found[1]


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
        body = issue(api)
        body["webhook_event"] = json.loads(body["webhook_event"])
        answer = api.post(VERIFY, body | {field: changed})
        assert answer.status_code == 400
        assert [each["field"] for each in answer.get_json()["details"]] == [field]


@pytest.mark.parametrize("prefix", [*BY_PREFIX, "ann"])
def test_an_event_tells_of_an_item(api: Api, prefix: str) -> None:
    found = api.pay_one(f"{prefix}@example.com")
    body = issue(api, payout_item_id=found["payout_item_id"])
    event = json.loads(body["webhook_event"])
    names = {"SUCCESS": "SUCCEEDED", "ONHOLD": "HELD"}
    status = found["transaction_status"]
    expected = f"PAYMENT.PAYOUTS-ITEM.{names.get(status, status)}"
    assert event["event_type"] == expected
    assert event["resource"]["payout_item_id"] == found["payout_item_id"]
    assert "errors" not in event["resource"]
    assert verdict(api, body) == "SUCCESS"


@pytest.mark.parametrize(
    ("wanted", "status"),
    [({"payout_item_id": "NO"}, 404), ({}, 400), ({"event_type": 7}, 400), ([], 400)],
)
def test_an_event_about_nothing_is_refused(api: Api, wanted: Any, status: int) -> None:
    answer = api.control("POST", "events", json=wanted)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
