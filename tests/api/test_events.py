"""Events over HTTP: what a program that follows them is shown."""

from __future__ import annotations

from typing import Any

import pytest

from paymentapp.models.actors import HOLD
from paymentapp.models.payments import Status
from tests.api.conftest import Bench, problem
from tests.api.test_retries import end

EVENTS = "/v1/api/events"


def listed(bench: Bench, query: str = "") -> dict[str, Any]:
    response = bench.client.get(EVENTS + query)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.get_json()
    return body


def types(page: dict[str, Any]) -> list[str]:
    return [event["type"] for event in page["events"]]


def test_before_anything_has_happened_there_is_nothing(bench: Bench) -> None:
    assert listed(bench) == {"events": [], "next_cursor": None}


def test_an_event_shows_the_payment_as_it_was_then(paying: Bench) -> None:
    accepted = paying.pay().get_json()
    end(paying, Status.FAILED)
    page = listed(paying)
    assert types(page) == ["payment.pending", "payment.submitting", "payment.failed"]
    first, second, third = (event["data"] for event in page["events"])
    assert first == accepted
    assert (second["status"], second["reason"], len(second["history"])) == ("submitting", None, 2)
    assert third == paying.client.get(f"/v1/api/payment/ada/{accepted['payment_id']}").get_json()
    assert [event["timestamp"] for event in page["events"]] == [
        line["at"] for line in third["history"]
    ]


def test_a_program_goes_on_where_it_stopped(paying: Bench) -> None:
    paying.pay()
    paying.pay()
    first = listed(paying, "?limit=1")
    assert first["next_cursor"] == first["events"][0]["id"]
    second = listed(paying, f"?after={first['next_cursor']}")
    assert len(second["events"]) == 1
    last = second["next_cursor"]
    assert listed(paying, f"?after={last}") == {"events": [], "next_cursor": last}
    paying.pay()
    assert types(listed(paying, f"?after={last}")) == ["payment.pending"]


def test_events_of_one_type(paying: Bench) -> None:
    for _ in range(3):
        paying.pay()
    end(paying, Status.SUCCEEDED)
    page = listed(paying, "?type=payment.succeeded")
    assert types(page) == ["payment.succeeded"]
    assert page["next_cursor"] == listed(paying)["next_cursor"]
    assert types(listed(paying, "?type=payment.pending&limit=2")) == ["payment.pending"] * 2
    nothing = listed(paying, "?type=payment.returned")
    assert (nothing["events"], nothing["next_cursor"]) == ([], page["next_cursor"])


def test_an_event_by_its_id(paying: Bench) -> None:
    paying.pay()
    event = listed(paying)["events"][0]
    assert paying.client.get(f"{EVENTS}/{event['id']}").get_json() == event
    problem(paying.client.get(f"{EVENTS}/evt_{'9' * 20}"), 404, "not-found")


def test_a_hold_and_its_release(paying: Bench) -> None:
    order = {"scope": "customer", "value": "ada", "reason": "check"}
    hold = paying.client.post("/v1/api/holds", json=order).get_json()
    paying.client.delete(f"/v1/api/holds/{hold['hold_id']}")
    placed, released = listed(paying)["events"]
    assert (placed["type"], placed["timestamp"]) == ("hold.placed", hold["created_at"])
    assert placed["data"] == hold | {"released_at": None, "released_by": None}
    assert released["type"] == "hold.released"
    assert released["data"]["released_by"] == "test"
    assert released["data"]["released_at"] == released["timestamp"]


@pytest.mark.parametrize(
    "query",
    ["after=1", "after=evt_1", "type=payment", "type=", "limit=0", "limit=101", "before=1"],
)
def test_what_makes_no_sense_is_refused(bench: Bench, query: str) -> None:
    problem(bench.client.get(f"{EVENTS}?{query}"), 400, "invalid-request")


def test_events_take_the_right_to_read_payments(bench: Bench) -> None:
    token = bench.services.api_keys.create("holder", [HOLD])[1]
    problem(bench.caller(token).get(EVENTS), 403, "forbidden")
