"""The traces of a real service: one story from a request to the webhook that tells of its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.otlp_collector import CollectedSpan, Collector, collecting
from tests.support.receivers import Receiver, receiving
from tests.support.service import Service, running_service

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ANN = {"customer_id": "annabel", "email": "annabel@example.com"}
ORDER = ANN | {"amount": 12.5, "currency": "USD"}


class Story(NamedTuple):
    """A service that has made a payment, with what its collector and its receiver got."""

    collector: Collector
    receiver: Receiver
    payment_id: str

    def one(self, name: str, **attributes: str) -> CollectedSpan:
        """Return the first span of a name with these attributes, without their prefix."""
        wanted = {f"paymentapp.{key}": value for key, value in attributes.items()}
        found = [s for s in self.collector.named(name) if wanted.items() <= s.attributes.items()]
        assert found, (name, sorted({span.name for span in self.collector.spans}))
        return found[0]


def tracing(collector: Collector) -> dict[str, str]:
    return {
        "PAYMENTAPP_TRACES": "on",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }


def pay(service: Service, **headers: str) -> dict[str, Any]:
    service.call("POST", "/v1/api/customer", ANN)
    status, payment = service.call("POST", "/v1/api/payment", ORDER, headers)
    assert status == 202
    paid: dict[str, Any] = payment
    return paid


def settled(service: Service, payment: dict[str, Any], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    path = f"/v1/api/payment/annabel/{payment['payment_id']}"
    while service.call("GET", path)[1]["status"] != "succeeded":
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("traces")
    with (
        collecting() as collector,
        receiving() as receiver,
        running_service(folder, **tracing(collector)) as service,
    ):
        hook = {
            "url": f"http://127.0.0.1:{receiver.port}/hook",
            "event_types": ["payment.succeeded"],
        }
        assert service.call("POST", "/v1/api/webhook-endpoints", hook)[0] == 201
        payment = pay(service, traceparent=f"00-{TRACE}-{CALLER}-01")
        assert settled(service, payment)
        for name in ("webhook delivery", "event apply"):
            assert collector.wait_for(lambda name=name: bool(collector.named(name))), name  # type: ignore[misc]
        collector.wait_for(lambda: bool(collector.named("payment succeeded")))
        yield Story(collector, receiver, payment["payment_id"])


def test_the_request_is_part_of_its_callers_trace(story: Story) -> None:
    request = story.one("POST /v1/api/payment")
    assert (request.trace_id, request.parent_id) == (TRACE, CALLER)
    assert request.attributes["http.response.status_code"] == 202
    assert request.attributes["paymentapp.payment"] == story.payment_id


def test_the_batch_is_linked_to_the_request_of_its_member(story: Story) -> None:
    batch = story.one("batch submit")
    assert batch.links == [story.one("POST /v1/api/payment").place]
    assert batch.trace_id != TRACE


def test_the_providers_call_is_part_of_the_batch(story: Story) -> None:
    batch, call = story.one("batch submit"), story.one("paypal submit")
    assert (call.trace_id, call.parent_id) == batch.place
    assert call.attributes["paymentapp.batch"] == batch.attributes["paymentapp.batch"]
    assert call.attributes["paymentapp.result"] == "Accepted"


def test_the_trace_of_the_payment_leads_to_its_batch(story: Story) -> None:
    sent = story.one("payment submitting")
    assert (sent.trace_id, sent.parent_id) == story.one("POST /v1/api/payment").place
    assert sent.links == [story.one("batch submit").place]


def test_the_providers_webhook_is_linked_to_the_payment_that_it_is_about(story: Story) -> None:
    request = story.one("POST /v1/api/payment").place
    applied = next(s for s in story.collector.named("event apply") if request in s.links)
    webhooks = story.collector.named("POST /webhooks/{provider}")
    assert (applied.trace_id, applied.parent_id) in [span.place for span in webhooks]


def test_what_has_settled_the_payment_is_linked_in_its_trace(story: Story) -> None:
    end = story.one("payment succeeded")
    assert (end.trace_id, end.parent_id) == story.one("POST /v1/api/payment").place
    causes = {s.place: s.name for s in story.collector.spans}
    assert causes[end.links[0]] in {"event apply", "batch poll"}


def test_our_webhook_is_part_of_the_callers_trace_and_gives_it_on(story: Story) -> None:
    delivery = story.one("webhook delivery")
    assert (delivery.trace_id, delivery.parent_id) == story.one("POST /v1/api/payment").place
    headers = story.receiver.received[0].headers
    assert headers["traceparent"] == f"00-{TRACE}-{delivery.span_id}-01"


def test_spans_say_who_sends_them_and_nothing_of_people(story: Story) -> None:
    assert story.collector.resource["service.name"] == "paymentapp"
    assert story.collector.resource["deployment.environment.name"] == "test"
    for secret in (b"annabel", b"example.com", b"12.5", b"/hook"):
        assert not any(secret in body for body in story.collector.raw), secret


def test_health_checks_are_no_spans(story: Story) -> None:
    assert [s for s in story.collector.spans if "health" in s.name or "ready" in s.name] == []


@pytest.mark.parametrize("kind", ["hangs", "is down"])
def test_a_collector_that_fails_delays_and_stops_nothing(tmp_path: Path, kind: str) -> None:
    with collecting(threading.Event()) as collector:
        environ = tracing(collector) | {"OTEL_BSP_MAX_QUEUE_SIZE": "16"}
        environ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"] = "8"
        if kind == "is down":
            environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
        with running_service(tmp_path, **environ) as service:
            begun = time.monotonic()
            payments = [pay(service) for _ in range(20)]
            assert time.monotonic() - begun < 10
            assert all(settled(service, payment) for payment in payments)
            begun = time.monotonic()
        assert time.monotonic() - begun < 10  # it has ended
    assert service.process.returncode == 0
