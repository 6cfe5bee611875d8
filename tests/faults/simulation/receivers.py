"""Receivers of webhooks, with every fault between them and the service; they check what arrives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any
from unittest import mock

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks import webhooks as library

from paymentapp.clock import to_text
from paymentapp.models.events import TEST_EVENT, Event
from paymentapp.models.payments import PaymentKey
from paymentapp.models.webhook_endpoints import WebhookEndpoint
from paymentapp.webhook_client.client import NotDelivered
from tests.faults.simulation import faults
from tests.faults.simulation.clock import micros_of
from tests.faults.simulation.scheduler import MILLISECOND, SECOND, current_task
from tests.faults.simulation.trace import Subject

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

RATE = 0.25
_PATIENCE = 15 * SECOND  # of the service
_UNSTORED = (faults.RECEIVER_FAILS, faults.RECEIVER_HANGS, faults.CRASH_BEFORE)
_HANGS = (faults.RECEIVER_HANGS, faults.RECEIVER_LATE)
_FAILS = (faults.RECEIVER_FAILS, faults.RECEIVER_STORED)


@dataclass
class Receiver:
    """What one URL has stored, by the ids of events, and until when nobody answers there."""

    lost: dict[str, Event]  # what receivers of the endpoint have stored, and forgotten
    stored: dict[str, Event] = field(default_factory=dict)
    down_until: int = 0

    def restart_empty(self) -> None:
        """Forget everything."""
        self.lost |= self.stored
        self.stored.clear()

    def take(self, event_id: str, event: Event) -> None:
        """Store an event."""
        self.stored[event_id] = event
        self.lost.pop(event_id, None)

    def has(self, event: Event) -> bool:
        """Return whether an event is stored, under whatever id."""
        return event in self.stored.values()


class ReceiverClient:
    """A process's connection to the receivers."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Deliver a webhook, as far as the faults let it come."""
        try:
            event = _Inspection(self.world, self.process, headers, body).judge()
        except Exception as error:
            self.world.unexpected(error)  # else the deliverer would take it for a failed attempt
            raise
        receiver = self.world.webhooks.receiver(url, current_task().webhooks.endpoint_id)
        subject: Subject = (event.payment,) if event and event.payment else None
        status = self._exchange(receiver, headers["webhook-id"], event, subject)
        self.world.note(self.process, "post", subject, (event and event.type, url, status))
        return status

    def close(self) -> None:
        """Close nothing."""

    def _exchange(
        self, receiver: Receiver, event_id: str, event: Event | None, subject: Subject
    ) -> int:
        world, process, task = self.world, self.process, current_task()
        task.subject = subject
        if "post" in world.fault_plan.traps:
            world.fault_plan.trigger("post", process)
        if receiver.down_until > world.time.micros() and world.faults.on:
            world.touch_task(task, faults.RECEIVER_DOWN)
            process.wait(_PATIENCE if world.chance(0.3) else MILLISECOND)
            raise NotDelivered(faults.RECEIVER_DOWN)
        fault = world.faults.draw(faults.WEBHOOKS, RATE, False)
        process.wait(MILLISECOND + world.draw(200 * MILLISECOND))
        if fault is not None:
            world.touch_task(task, fault)
        if fault == faults.CRASH_BEFORE:
            process.die()
        if fault == faults.RECEIVER_GONE:
            return 410
        if event is not None and fault not in _UNSTORED:
            receiver.take(event_id, event)
        if fault == faults.CRASH_AFTER:
            process.die()
        if fault in _HANGS or fault == faults.RECEIVER_DROPS:
            process.wait(_PATIENCE if fault in _HANGS else world.draw(SECOND))
            raise NotDelivered(fault)
        return 500 if fault in _FAILS else 204


@dataclass
class _Inspection:
    """A webhook as it arrives."""

    world: World
    process: Process
    headers: Mapping[str, str]
    body: bytes

    def __post_init__(self) -> None:
        self.event_id = self.headers["webhook-id"]
        self.shown: dict[str, Any] = json.loads(self.body)

    def judge(self) -> Event | None:
        """Check a webhook; return its event, or None of a test, or where something is wrong."""
        if not any(map(self._is_signed, current_task().webhooks.endpoints)):
            self._fail("webhook signature", f"of {self.event_id}: not by each valid secret")
        self._check_time()
        if self.shown["type"] == TEST_EVENT:
            return None
        events = self.world.webhooks.events
        assert events is not None
        event = events.ids.get(self.event_id)
        if event is None or self.shown["id"] != self.event_id:
            self._fail("webhook id", f"{self.event_id} is the id of no event")
            return None
        return self._check_truth(event)

    def _fail(self, check: str, words: str) -> None:
        data = self.shown.get("data") or {}
        known = "payment_id" in data
        key = PaymentKey(data["customer_id"], data["payment_id"]) if known else None
        self.world.findings.fail(check, f"{self.shown.get('type')} {words}", key)

    def _is_signed(self, read: tuple[int, WebhookEndpoint]) -> bool:
        """Verify as receivers do: each secret of a read that is valid now has signed.

        A process that was suspended in between signs long after it has read.
        """
        webhooks, (read_at, endpoint) = self.world.webhooks, read
        now = max(read_at, micros_of(self.process.clock()))
        must_sign = webhooks.tables.must_sign
        for sealed in must_sign(endpoint.endpoint_id, read_at, now, webhooks.overlap()):
            secret = self.world.methods.vault.open(sealed, endpoint.place)
            with at_time(self.process.clock()):
                try:
                    Webhook(secret).verify(self.body, dict(self.headers))
                except WebhookVerificationError:
                    return False
        return True

    def _check_time(self) -> None:
        """Check that an attempt is one of a listed event, or of a delivery that is due."""
        reads = current_task().webhooks
        due = reads.due.get(self.event_id)
        if due is None:
            if self.event_id not in reads.listed:
                self._fail("webhook unasked", f"{self.event_id} is neither listed nor due")
        elif due.next_attempt_at is None or due.next_attempt_at > self.process.clock():
            self._fail("webhook retry", f"it was due at {due.next_attempt_at}")

    def _check_truth(self, event: Event) -> Event | None:
        """Compare with what has happened, as it is on record."""
        events, data = self.world.webhooks.events, self.shown["data"]
        assert events is not None
        if event not in events.happened:
            self._fail("webhook of nothing", f"did not happen at {event.at}")
            return None
        if (self.shown["type"], self.shown["timestamp"]) != (event.type, to_text(event.at)):
            self._fail("webhook of nothing", f"is said to be {event}")
            return None
        if event.payment is not None:
            status = event.type.removeprefix("payment.")
            lines = self.world.tables.payments[event.payment].history
            happened = any((each.status, each.at) == (status, event.at) for each in lines)
            shown = data["customer_id"], data["payment_id"], data["status"]
            if not happened or shown != (*event.payment, status):
                self._fail("webhook of nothing", f"shows {shown}")
                return None
        elif data.get("hold_id", data.get("id")) != event.subject[0]:
            self._fail("webhook of nothing", f"shows {data}, is about {event.subject}")
            return None
        return event


@contextmanager
def at_time(now: datetime) -> Iterator[None]:
    """Have the library take a time for the present one: it checks the age of a webhook."""

    class At(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return now.astimezone(tz)

    with mock.patch.object(library, "datetime", At):
        yield
