"""The log of a real service: JSON in each line, its ids, and no line for each webhook."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.service import Service, running_service

COUNT = 30
SECRETS = ("ann@example.com", "12.5", "the-key")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Yield a service that has made payments, with PayPal's webhooks about them."""
    folder = tmp_path_factory.mktemp("logs")
    with running_service(folder, PAYMENTAPP_LOG_FORMAT="json") as service:
        ann = {"customer_id": "ann", "email": "ann@example.com"}
        service.call("POST", "/v1/api/customer", ann)
        for number in range(COUNT):
            headers = {"X-Request-Id": f"r-{number}", "Idempotency-Key": f"the-key-{number}"}
            order = ann | {"amount": 12.5, "currency": "USD"}
            assert service.call("POST", "/v1/api/payment", order, headers)[0] == 202
        settle(service)
        yield service


def settle(service: Service) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        page = service.call("GET", "/v1/api/payment/ann?limit=100")[1]
        if {each["status"] for each in page["payments"]} == {"succeeded"}:
            return
        time.sleep(0.2)
    raise AssertionError(service.output())


def lines(service: Service) -> list[dict[str, Any]]:
    """Return the lines of the service; `paymentapp run` and the simulators print others."""
    return [json.loads(line) for line in service.output().splitlines() if line.startswith("{")]


def test_each_request_has_one_line_with_its_ids(service: Service) -> None:
    written = [each for each in lines(service) if each.get("route") == "/v1/api/payment"]
    assert {each["request"] for each in written} == {f"r-{number}" for number in range(COUNT)}
    assert len(written) == COUNT
    for each in written:
        assert (each["logger"], each["status"]) == ("paymentapp.security", 202)
        assert each["client"] == "local"
        assert each["payment"].startswith("20")


def test_payments_that_go_well_have_no_other_line(service: Service) -> None:
    others = [each for each in lines(service) if each["logger"] != "paymentapp.security"]
    assert len(others) <= 5, others


def test_no_line_of_the_service_is_text_beside(service: Service) -> None:
    assert " paymentapp.security event=" not in service.output()


def test_nothing_of_a_payment_is_in_the_log(service: Service) -> None:
    text = json.dumps(lines(service))
    assert [secret for secret in SECRETS if secret in text] == []
