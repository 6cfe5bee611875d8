"""Events: the record of one that has just arrived."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from tests.support.records import NOW

DUE = NOW + timedelta(seconds=5)


def received(event_id: str, body: bytes = b"{}", shards: int = 8) -> ProviderEvent:
    return ProviderEvent.received("paypal", event_id, "K", body, now=NOW, due_at=DUE, shards=shards)


def test_an_event_waits_to_be_applied() -> None:
    event = received("WH-1", b'{"id": "WH-1"}')
    assert (event.state, event.received_at, event.attention_at) == (
        ProviderEventState.WAITING,
        NOW,
        DUE,
    )
    assert event.body == '{"id": "WH-1"}'
    assert event.revision != received("WH-1").revision


def test_an_event_is_in_one_shard_for_ever() -> None:
    """Use the digest of an earlier version: another one would hide what that has stored."""
    assert [received(f"WH-{n}").attention_shard for n in range(6)] == [2, 4, 6, 0, 3, 5]
    assert received("WH-1", shards=1).attention_shard == 0


def test_a_body_that_is_no_text_is_no_event() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        received("WH-1", b"\xff")
