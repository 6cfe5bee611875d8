"""Webhook endpoints over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from paymentapp.config import Settings
from paymentapp.models.events import EVENT_TYPES
from paymentapp.vault.sealing import new_key
from tests.api.conftest import Bench, problem
from tests.support.webhook_world import RecordingClient, one_by_one

ENDPOINTS = "/v1/api/webhook-endpoints"
NEW = {"url": "https://example.com/events"}


@pytest.fixture
def bench() -> Bench:
    bench = Bench(Settings(vault_keys=new_key()))
    bench.add_customer()
    return bench


def add(bench: Bench, **changes: Any) -> dict[str, Any]:
    response = bench.client.post(ENDPOINTS, json={**NEW, **changes})
    assert response.status_code == 201, response.get_data(as_text=True)
    made: dict[str, Any] = response.get_json()
    return made


def deliver(bench: Bench, endpoint_id: str, status: int) -> RecordingClient:
    client = RecordingClient(lambda _webhook: status)
    replace(bench.services.deliverer, client=client).deliver(endpoint_id, one_by_one)
    return client


def test_an_endpoint_shows_its_secret_once(bench: Bench) -> None:
    made = add(bench, event_types=["payment.succeeded"], description="The books")
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == {
        "id": made["id"],
        "url": NEW["url"],
        "event_types": ["payment.succeeded"],
        "description": "The books",
        "status": "enabled",
        "disabled_reason": None,
        "created_at": made["created_at"],
        "created_by": "test",
    }
    assert bench.client.get(f"{ENDPOINTS}/{made['id']}").get_json() == made
    assert bench.client.get(ENDPOINTS).get_json() == {"webhook_endpoints": [made]}


def test_an_endpoint_changes(bench: Bench) -> None:
    made = add(bench)
    path = f"{ENDPOINTS}/{made['id']}"
    changes = {
        "url": "https://example.org/",
        "event_types": ["hold.placed", "hold.placed"],
        "description": "others",
        "status": "disabled",
    }
    changed = bench.client.patch(path, json=changes).get_json()
    assert changed == {
        **{name: made[name] for name in ("id", "disabled_reason", "created_at", "created_by")},
        **changes,
        "event_types": ["hold.placed"],
    }
    enabled = bench.client.patch(path, json={"status": "enabled", "event_types": []}).get_json()
    assert enabled == {**changed, "status": "enabled", "event_types": []}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": ""}, "/url"),
        ({"url": "https://example.com/" + "a" * 2000}, "/url"),
        ({"event_types": ["payment.unknown"]}, "/event_types/0"),
        ({"event_types": ["webhook_endpoint.test"]}, "/event_types/0"),
        ({"event_types": "payment.succeeded"}, "/event_types"),
        ({"description": "a\nb"}, "/description"),
        ({"description": "a" * 201}, "/description"),
        ({"secret": "whsec_x"}, "/secret"),
    ],
)
def test_a_body_that_fits_no_endpoint_is_refused(
    bench: Bench, body: dict[str, Any], pointer: str
) -> None:
    made = problem(bench.client.post(ENDPOINTS, json={**NEW, **body}), 400, "invalid-request")
    path = f"{ENDPOINTS}/{add(bench)['id']}"
    changed = problem(bench.client.patch(path, json=body), 400, "invalid-request")
    assert [each["pointer"] for each in (*made["errors"], *changed["errors"])] == [pointer] * 2


def test_a_status_is_one_that_callers_may_set(bench: Bench) -> None:
    path = f"{ENDPOINTS}/{add(bench)['id']}"
    problem(bench.client.patch(path, json={"status": "deleted"}), 400, "invalid-request")


def test_every_type_of_event_may_be_wanted(bench: Bench) -> None:
    assert add(bench, event_types=list(EVENT_TYPES))["event_types"] == list(EVENT_TYPES)


def test_without_a_key_of_the_vault_none_is_registered() -> None:
    refused = problem(Bench().client.post(ENDPOINTS, json=NEW), 409, "conflict")
    assert "PAYMENTAPP_VAULT_KEYS is not set" in refused["detail"]


def test_a_secret_is_replaced(bench: Bench) -> None:
    made = add(bench)
    rotated = bench.client.post(f"{ENDPOINTS}/{made['id']}/rotate-secret").get_json()
    assert rotated["secret"] not in {made["secret"], None}
    assert {**rotated, "secret": made["secret"]} == made


def test_an_endpoint_that_was_deleted_is_not_there(bench: Bench) -> None:
    path = f"{ENDPOINTS}/{add(bench)['id']}"
    deleted = bench.client.delete(path)
    assert (deleted.status_code, deleted.data) == (204, b"")
    problem(bench.client.get(path), 404, "not-found")
    problem(bench.client.delete(path), 404, "not-found")
    assert bench.client.get(ENDPOINTS).get_json() == {"webhook_endpoints": []}


def test_a_test_is_sent_and_its_delivery_listed(bench: Bench) -> None:
    made = add(bench)
    path = f"{ENDPOINTS}/{made['id']}"
    response = bench.client.post(f"{path}/test")
    assert response.status_code == 202
    sent = response.get_json()
    assert (sent["event_type"], sent["status"]) == ("webhook_endpoint.test", "pending")
    (posted,) = deliver(bench, made["id"], 204).posted
    assert posted.is_signed_by(made["secret"])
    (shown,) = bench.client.get(f"{path}/deliveries").get_json()["deliveries"]
    assert (shown["id"], shown["status"]) == (sent["id"], "succeeded")
    assert (shown["attempts"], shown["last_status_code"]) == (1, 204)


def test_a_delivery_that_failed_is_listed_and_sent_again(bench: Bench) -> None:
    made = add(bench)
    path = f"{ENDPOINTS}/{made['id']}/deliveries"
    bench.pay()
    deliver(bench, made["id"], 503)
    (failed,) = bench.client.get(f"{path}?status=pending").get_json()["deliveries"]
    assert (failed["last_status_code"], failed["last_error"]) == (503, "HTTP status 503")
    assert bench.client.get(f"{path}?status=failed").get_json()["deliveries"] == []
    again = bench.client.post(f"{path}/{failed['id']}/redeliver")
    assert again.status_code == 202
    assert again.get_json()["next_attempt_at"] < failed["next_attempt_at"]
    (posted,) = deliver(bench, made["id"], 200).posted
    event = bench.client.get(f"/v1/api/events/{failed['event_id']}").get_json()
    assert posted.event == event


def test_deliveries_are_paged(bench: Bench) -> None:
    made = add(bench)
    path = f"{ENDPOINTS}/{made['id']}"
    ids = [bench.client.post(f"{path}/test").get_json()["id"] for _ in range(3)]
    first = bench.client.get(f"{path}/deliveries?limit=2").get_json()
    rest = bench.client.get(f"{path}/deliveries?limit=2&cursor={first['next_cursor']}").get_json()
    assert [each["id"] for each in first["deliveries"] + rest["deliveries"]] == ids[::-1]
    assert rest["next_cursor"] is None


def test_a_repeated_registration_is_answered_again(bench: Bench) -> None:
    def register(key: str, **changes: Any) -> TestResponse:
        headers = {"Idempotency-Key": key}
        return bench.client.post(ENDPOINTS, json={**NEW, **changes}, headers=headers)

    first, again = register('"k1"'), register("k1")
    assert first.status_code == again.status_code == 201
    assert again.get_json() == first.get_json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    problem(register("k1", description="other"), 422, "idempotency-key-reused")
    problem(register("k1, k2"), 400, "invalid-request")
    assert len(bench.client.get(ENDPOINTS).get_json()["webhook_endpoints"]) == 1
