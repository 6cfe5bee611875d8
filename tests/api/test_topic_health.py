"""`/v1/api/readiness` says whether events are published to the topic."""

from __future__ import annotations

from typing import Any

from paymentapp.config import Settings
from tests.api.conftest import Bench
from tests.support.memory_store import MemoryStore
from tests.support.topic_world import ARN, THROTTLED, TopicWorld


def topic_check(bench: Bench) -> dict[str, Any]:
    checks = bench.client.get("/v1/api/readiness").get_json()["checks"]
    (found,) = [each for each in checks if each["name"] == "topic"]
    assert "123456789012" not in str(checks)
    return dict(found)


def test_a_topic_that_fails_is_told_and_makes_nothing_fail() -> None:
    store = MemoryStore()
    world = TopicWorld(store)
    world.publish()
    world.pay()
    world.topic.answer = lambda _message: THROTTLED
    world.publish()
    bench = Bench(settings=Settings(events_sns_arn=ARN), store=store)
    check = topic_check(bench)
    assert check["ok"] is True
    assert check["detail"].startswith("not published to events since 2026-03-01T12:00:00")


def test_a_topic_to_which_events_are_published_is_told() -> None:
    bench = Bench(settings=Settings(events_sns_arn=ARN))
    assert topic_check(bench) == {"name": "topic", "ok": True, "detail": "published to events"}
