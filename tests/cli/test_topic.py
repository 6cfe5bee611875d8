"""`paymentapp topic`: how events are published, at the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from paymentapp.models.events import Event
from paymentapp.models.webhook_endpoints import WebhookDelivery
from paymentapp.services.outbound.publisher import TOPIC
from tests.cli.conftest import Desk
from tests.support.topic_world import ARN

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def tables(desk: Desk) -> None:
    desk.environ["PAYMENTAPP_EVENTS_SNS_ARN"] = ARN
    desk.run("init")


def an_event(desk: Desk) -> str:
    """Return the id of an event that is listed, and was refused by the topic."""
    with desk.service() as services:
        event = Event("provider.funded", NOW, ("paypal", "USD", "1", "2", ""))
        services.store.add_event(event)
        (listed,) = services.store.list_events(None, 1).events
        refused = WebhookDelivery(TOPIC, *listed, NOW).refused(NOW, "MessageTooLong")
        services.store.add_webhook_delivery(refused)
    return listed.event_id


def test_what_was_refused_is_shown_and_published_on_request(desk: Desk) -> None:
    assert "0 events refused" in desk.run("topic", "show").stdout
    event_id = an_event(desk)
    shown = desk.run("topic", "show").stdout
    assert shown.startswith("published to events.\n")
    assert f"{event_id}" in shown
    assert "MessageTooLong" in shown
    assert "123456789012" not in shown
    assert desk.run("topic", "publish", event_id).stdout == f"to be published: {event_id}\n"
    (pending,) = desk.json("topic", "show")["deliveries"]
    assert (pending["event_id"], pending["status"]) == (event_id, "pending")


def test_an_event_that_there_is_not_is_refused(desk: Desk) -> None:
    done = desk.run("topic", "publish", "evt_00000000000000000009")
    assert (done.exit_code, "no such event" in done.stderr) == (2, True)


def test_without_a_topic_the_setting_is_named(desk: Desk) -> None:
    done = desk.run("topic", "show", PAYMENTAPP_EVENTS_SNS_ARN="")
    assert done.exit_code == 2
    assert "PAYMENTAPP_EVENTS_SNS_ARN is not set" in done.stderr
