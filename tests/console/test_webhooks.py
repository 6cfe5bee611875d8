"""Webhook endpoints in the console: a secret is shown once, deliveries are listed and repeated."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from paymentapp.config import Settings
from paymentapp.models.webhook_endpoints import EndpointStatus
from paymentapp.vault.sealing import new_key
from tests.console.conftest import ConsoleBench, Person
from tests.support.webhook_world import RecordingClient, one_by_one

URL = "https://example.com/events"
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")
KEY = "0" * 32


@pytest.fixture
def console() -> ConsoleBench:
    bench = ConsoleBench(Settings(vault_keys=new_key()))
    bench.add_customer()
    return bench


def add(console: ConsoleBench, **fields: str | list[str]) -> TestResponse:
    return console.person.send("/webhooks/new", **{"url": URL, "idempotency_key": KEY, **fields})


def added(console: ConsoleBench) -> str:
    """Return the path of an endpoint."""
    assert add(console).status_code == 200
    (endpoint,) = console.services.webhook_endpoints.list()
    return f"/webhooks/{endpoint.endpoint_id}"


def deliver(console: ConsoleBench, path: str, status: int) -> RecordingClient:
    client = RecordingClient(lambda _webhook: status)
    endpoint_id = path.rpartition("/")[2]
    replace(console.services.deliverer, client=client).deliver(endpoint_id, one_by_one)
    return client


def of_status(console: ConsoleBench, path: str, status: str) -> str:
    return console.person.client.get(f"/console{path}?status={status}").text


def test_a_secret_is_shown_once_and_kept_by_no_cache(console: ConsoleBench) -> None:
    answer = add(console, event_types=["payment.succeeded"], description="The <b>books</b>")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert _SECRET.search(answer.text)
    (endpoint,) = console.services.webhook_endpoints.list()
    page = console.person.see(f"/webhooks/{endpoint.endpoint_id}")
    assert not _SECRET.search(page)
    assert "The <b>books</b>" in page  # decoded: it was text
    assert "<b>books" not in console.person.client.get("/console/webhooks").text
    assert endpoint.event_types == ("payment.succeeded",)


def test_a_form_that_is_sent_twice_registers_once(console: ConsoleBench) -> None:
    first, again = add(console), add(console)
    assert _SECRET.findall(first.text) == _SECRET.findall(again.text)
    assert len(console.services.webhook_endpoints.list()) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "http://example.com/"}, "https"),
        ({"url": "https://127.0.0.1/"}, "address"),
        ({"url": ""}, "Length must be between 1 and"),
        ({"event_types": ["payment.lost"]}, "Not a known type."),
        ({"description": "x" * 201}, "Longer than maximum length"),
    ],
)
def test_a_wrong_value_is_named_and_registers_nothing(
    console: ConsoleBench, fields: dict[str, str | list[str]], words: str
) -> None:
    answer = add(console, **fields)
    assert answer.status_code == 422
    assert words in answer.text
    assert console.services.webhook_endpoints.list() == []


def test_without_a_key_of_the_vault_it_says_what_to_do() -> None:
    console = ConsoleBench()
    answer = add(console)
    assert answer.status_code == 409
    assert "PAYMENTAPP_VAULT_KEYS" in answer.text


def test_an_endpoint_is_changed_disabled_and_enabled(console: ConsoleBench) -> None:
    path = added(console)
    assert f'value="{URL}"' in console.person.see(f"{path}/change")
    answer = console.person.send(f"{path}/change", url=f"{URL}/2", event_types=["hold.placed"])
    assert answer.status_code == 303
    assert console.person.send(f"{path}/change", url="ftp://x").status_code == 422
    (endpoint,) = console.services.webhook_endpoints.list()
    assert (endpoint.url, endpoint.event_types) == (f"{URL}/2", ("hold.placed",))
    for status in EndpointStatus.DISABLED, EndpointStatus.ENABLED:
        assert console.person.send(f"{path}/status", status=status.value).status_code == 303
        (endpoint,) = console.services.webhook_endpoints.list()
        assert endpoint.status is status
    assert console.person.send(f"{path}/status", status="deleted").status_code == 400


def test_an_endpoint_is_deleted_after_a_question(console: ConsoleBench) -> None:
    path = added(console)
    assert "Delete this endpoint?" in console.person.see(f"{path}/delete")
    assert len(console.services.webhook_endpoints.list()) == 1
    assert console.person.send(f"{path}/delete").status_code == 303
    assert console.services.webhook_endpoints.list() == []
    console.person.see(path, 404)


def test_a_secret_is_replaced_once_by_a_page_that_is_loaded_again(console: ConsoleBench) -> None:
    path = added(console)
    found = re.search(r'name="current" value="([^"]+)"', console.person.see(f"{path}/rotate"))
    assert found is not None
    answer = console.person.send(f"{path}/rotate", current=found[1])
    assert _SECRET.search(answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert console.person.send(f"{path}/rotate", current=found[1]).status_code == 409
    (endpoint,) = console.services.webhook_endpoints.list()
    assert len(endpoint.secrets) == 2


def test_deliveries_are_listed_by_status_and_redelivered(console: ConsoleBench) -> None:
    path = added(console)
    console.pay()
    deliver(console, path, 500)
    page = console.person.see(path)
    assert "payment.pending" in page
    assert "to be tried again" in page
    assert "HTTP 500" in page
    assert "Redeliver" not in page  # it is tried again by itself
    assert "There are no such deliveries" in of_status(console, path, "failed")
    deliver_until_failed(console, path)
    page = of_status(console, path, "failed")
    found = re.search(r'action="/console([^"]+/redeliver)"', page)
    assert found is not None
    assert console.person.send(found[1]).status_code == 303
    assert deliver(console, path, 200).posted
    assert "delivered" in of_status(console, path, "succeeded")


def deliver_until_failed(console: ConsoleBench, path: str) -> None:
    endpoint_id = path.rpartition("/")[2]
    (delivery,) = console.services.webhook_endpoints.deliveries(endpoint_id, None, 10, None)[0]
    console.store.change_webhook_delivery(delivery, delivery.ended("given up"))


def test_a_test_event_is_to_be_sent(console: ConsoleBench) -> None:
    path = added(console)
    assert console.person.send(f"{path}/test").status_code == 303
    assert "webhook_endpoint.test" in console.person.see(path)
    console.person.send(f"{path}/status", status="disabled")
    assert console.person.send(f"{path}/test").status_code == 409


def test_who_lacks_the_right_sees_and_changes_nothing(console: ConsoleBench) -> None:
    path = added(console)
    reader = console.somebody("reader", "read", "write")
    reader.see("/webhooks", 403)
    reader.see(path, 403)
    assert "Webhooks" not in reader.see("/")
    for step in "change", "status", "delete", "rotate", "test":
        assert reader.send(f"{path}/{step}", status="disabled").status_code == 403
    (endpoint,) = console.services.webhook_endpoints.list()
    assert endpoint.status is EndpointStatus.ENABLED


def test_the_page_of_nobody_signed_in_is_the_sign_in(console: ConsoleBench) -> None:
    stranger: Person = console.anybody()
    assert stranger.client.get("/console/webhooks").status_code == 303
