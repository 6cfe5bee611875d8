"""The three functions as AWS runs them: the zip of `make lambda` under the Lambda runtime."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paymentapp._version import __version__
from paymentapp.bootstrap import Services, build_services
from paymentapp.config import load_settings
from paymentapp.models.payments import PaymentKey
from tests.support import lambda_runtime
from tests.support.lambda_events import rest_event, stream_record
from tests.support.lambda_runtime import Function
from tests.support.service import ROOT, free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        lambda_runtime.missing() is not None and not os.environ.get("CI"),
        reason=lambda_runtime.missing() or "",
    ),
]

ADA = {"customer_id": "ada", "email": "ada@example.com"}
ORDER = {**ADA, "amount": 12.5, "currency": "USD"}


@dataclass
class Functions:
    """The three functions, the service that they share, and a client of the first."""

    api: Function
    dispatch: Function
    sweep: Function
    services: Services
    token: str
    prefix: str

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        key = {"Authorization": f"Bearer {self.token}", **headers}
        answer = self.api.invoke(rest_event(method, path, body, key))
        assert answer["statusCode"] < 300, answer
        return json.loads(answer["body"], parse_float=Decimal)

    def image(self, payment: dict[str, Any]) -> dict[str, Any]:
        """Return the record as it is in DynamoDB, and so in its stream."""
        import botocore.session

        client: Any = botocore.session.get_session().create_client("dynamodb")
        key = {name: {"S": payment[name]} for name in PaymentKey._fields}
        item: dict[str, Any] = client.get_item(TableName=f"{self.prefix}Disbursements", Key=key)
        return dict(item["Item"])


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    folder = tmp_path_factory.mktemp("simulator")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulators", "--port", str(port)],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    end = time.monotonic() + 30
    while "PayPal simulator on" not in (folder / "log").read_text():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < end
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> lambda_runtime.Code:
    return lambda_runtime.unpacked(tmp_path_factory.mktemp("lambda"))


@pytest.fixture
def functions(
    code: lambda_runtime.Code, simulator: str, dynamodb_environ: dict[str, str], tmp_path: Path
) -> Iterator[Functions]:
    environ = {
        **dynamodb_environ,
        "PAYPAL_BASE_URL": simulator,
        "PAYPAL_CLIENT_ID": "simulator",
        "PAYPAL_CLIENT_SECRET": "simulator",
    }
    services = build_services(load_settings(environ))
    services.store.create_tables()
    _, token = services.api_keys.create("test", ["read", "write"])
    with ExitStack() as stack:
        api, dispatch, sweep = (
            stack.enter_context(lambda_runtime.running(name, code, environ, tmp_path))
            for name in ("api", "dispatch", "sweep")
        )
        prefix = environ["PAYMENTAPP_TABLE_PREFIX"]
        yield Functions(api, dispatch, sweep, services, token, prefix)
    services.store.close()


def test_a_payment_from_request_to_settlement(functions: Functions) -> None:
    functions.call("POST", "/v1/api/customer", ADA)
    payment = functions.call("POST", "/v1/api/payment", ORDER, **{"Idempotency-Key": '"k1"'})
    again = functions.call("POST", "/v1/api/payment", ORDER, **{"Idempotency-Key": '"k1"'})
    assert (payment["status"], again) == ("pending", payment)

    record = stream_record("1", functions.image(payment))
    assert functions.dispatch.invoke({"Records": [record]}) == {"batchItemFailures": []}
    assert functions.dispatch.invoke({"Records": [record]}) == {"batchItemFailures": []}
    settled = _settled(functions, payment)
    assert settled["status"] == "succeeded"
    assert [move["status"] for move in settled["history"]].count("submitting") == 1


def test_a_payment_that_the_stream_dropped(functions: Functions) -> None:
    functions.call("POST", "/v1/api/customer", ADA)
    payment = functions.call("POST", "/v1/api/payment", ORDER)
    assert _settled(functions, payment)["status"] == "succeeded"


def test_a_record_that_cannot_be_read_is_no_failure(functions: Functions) -> None:
    strange = stream_record("7", {"due_at": {"S": "soon"}, "status": {"S": "unheard of"}})
    assert functions.dispatch.invoke({"Records": [strange]}) == {"batchItemFailures": []}
    assert "the sweep processes" in functions.dispatch.log.read_text()


def test_the_document_has_the_version_though_the_zip_has_no_metadata(functions: Functions) -> None:
    assert functions.call("GET", "/openapi.json")["info"]["version"] == __version__


def _settled(functions: Functions, payment: dict[str, Any]) -> Any:
    """Sweep until the payment is settled, and return it."""
    path = f"/v1/api/payment/ada/{payment['payment_id']}"
    end = time.monotonic() + 45
    while time.monotonic() < end:
        functions.sweep.invoke({})
        found = functions.call("GET", path)
        if found["status"] == "succeeded":
            return found
        time.sleep(1)
    logs = [f.log.read_text()[-2000:] for f in (functions.dispatch, functions.sweep)]
    raise AssertionError("\n".join(logs))
