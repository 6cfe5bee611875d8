"""Shared helpers: a clock, a client, a running simulator, PayPal's description."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from openapi_schema_validator import OAS30ReadValidator, oas30_format_checker
from werkzeug.test import TestResponse

from simulators import PayPalSimulatorSettings, create_simulator
from simulators.common.database import Database
from simulators.common.server import build_server, listen
from simulators.paypal.core import PayPalSimulator
from tests.support.published import published

SPECS = published("paypal")
PAYOUTS = "/v1/payments/payouts"
ITEM = "/v1/payments/payouts-item"
SEARCH = "/v1/reporting/transactions"
VERIFY = "/v1/notifications/verify-webhook-signature"


class FakeClock:
    """A clock that moves when a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)


class Description:
    """PayPal's API description, which checks whether it allows an answer."""

    def __init__(self, folder: Path) -> None:
        self._documents = [
            json.loads((folder / name).read_text("utf-8"))
            for name in (
                "payments_payouts_batch_v1.json",
                "notifications_webhooks_v1.json",
                "reporting_transactions_v1.json",
            )
        ]

    def check(self, method: str, path: str, status: int, body: Any) -> None:
        """Fail if the description has the path, but not this answer to it."""
        for document in self._documents:
            for template, operations in document["paths"].items():
                pattern = re.sub(r"\{\w+\}", "[^/]+", template)
                if re.fullmatch(pattern, path) and method.lower() in operations:
                    responses = operations[method.lower()]["responses"]
                    answer = responses.get(str(status), responses["default"])
                    if "$ref" in answer:
                        name = answer["$ref"].rpartition("/")[2]
                        answer = document["components"]["responses"][name]
                    self._check(document, answer["content"]["application/json"]["schema"], body)

    def check_schema(self, name: str, body: Any) -> None:
        """Fail if a body is not an instance of a named schema of the Payouts API."""
        self._check(self._documents[0], {"$ref": f"#/components/schemas/{name}"}, body)

    def _check(self, document: dict[str, Any], schema: dict[str, Any], body: Any) -> None:
        whole = schema | {"components": document["components"]}
        validator = OAS30ReadValidator(whole, format_checker=oas30_format_checker)
        problems = [f"{each.json_path}: {each.message}" for each in validator.iter_errors(body)]
        assert not problems, problems


def find_description() -> Description | None:
    """Return the description, if this machine has it."""
    return Description(SPECS) if SPECS.is_dir() else None


def item(receiver: str = "ann@example.com", value: str = "10.00", **more: Any) -> dict[str, Any]:
    """Return an item of a create call."""
    amount = {"currency": more.pop("currency", "USD"), "value": value}
    return {"recipient_type": "EMAIL", "receiver": receiver, "amount": amount} | more


def batch(*items: dict[str, Any], sender_batch_id: str = "b-1", **header: Any) -> dict[str, Any]:
    """Return the body of a create call."""
    return {
        "sender_batch_header": {"sender_batch_id": sender_batch_id} | header,
        "items": list(items or [item()]),
    }


@dataclass
class Api:
    """A client with a token; the description must allow every answer it gets."""

    app: Flask
    clock: FakeClock
    description: Description | None = field(default_factory=find_description)
    token: str = ""

    def __post_init__(self) -> None:
        if not self.token:
            self.token = self.ask_token().get_json()["access_token"]

    def ask_token(self, *pair: str, **form: str) -> TestResponse:
        return self.app.test_client().post(
            "/v1/oauth2/token",
            auth=(pair[0], pair[1]) if pair else ("id", "secret"),
            data={"grant_type": "client_credentials"} | form,
        )

    def call(self, method: str, path: str, **request: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} | request.pop("headers", {})
        answer = self.app.test_client().open(path, method=method, headers=headers, **request)
        if self.description is not None and "fields=" not in path:
            body = answer.get_json()
            self.description.check(method, path.partition("?")[0], answer.status_code, body)
        return answer

    def get(self, path: str) -> TestResponse:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> TestResponse:
        return self.call("POST", path, json=body)

    def pay(self, *items: dict[str, Any], **header: Any) -> str:
        """Make a batch that must be accepted; return its payout_batch_id."""
        answer = self.post(PAYOUTS, batch(*items, **header))
        assert answer.status_code == 201, answer.text
        batch_id: str = answer.get_json()["batch_header"]["payout_batch_id"]
        return batch_id

    def show(self, payout_batch_id: str) -> Any:
        answer = self.get(f"{PAYOUTS}/{payout_batch_id}")
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def pay_one(self, receiver: str) -> Any:
        """Pay one recipient, let it settle, and return the item."""
        payout_batch_id = self.pay(item(receiver), sender_batch_id=f"to {receiver}")
        self.clock.pass_by(seconds=2)
        return self.show(payout_batch_id)["items"][0]

    def control(self, method: str, path: str, **request: Any) -> TestResponse:
        return self.app.test_client().open(f"/_simulator/{path}", method=method, **request)

    def ledger(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.control("GET", "ledger").get_json()["items"]
        return entries


@cache
def _keys() -> dict[str, bytes]:
    lender = PayPalSimulator(PayPalSimulatorSettings(), Database(":memory:"), FakeClock())
    lender.signer.ca()
    names = ("webhook_key", "webhook_certificate", "webhook_ca")
    return {name: lender.state.fact(name) or b"" for name in names}


def lend_keys(simulator: PayPalSimulator) -> None:
    """Reuse signing keys: generating them takes longer than most tests."""
    simulator.state.add_facts(_keys())


@contextmanager
def serving(settings: PayPalSimulatorSettings) -> Iterator[str]:
    """Run a simulator on a free port; yields its URL."""
    listener = listen("127.0.0.1", 0)
    server = build_server(create_simulator(settings), listener)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join(5)
        listener.close()
