"""Webhooks out: endpoints that people register and change, and what each of them has to get."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from paymentapp.errors import NotFound, PaymentAppError
from paymentapp.models.events import PAYMENT_EVENTS, Event
from paymentapp.models.payments import FINAL
from paymentapp.models.webhook_endpoints import DeliveryStatus, EndpointStatus, WebhookEndpoint
from paymentapp.storage.dynamodb.event_entries import position_of
from tests.faults.simulation import faults
from tests.faults.simulation.clock import moment
from tests.faults.simulation.event_list import CHECKED, WorldEvents
from tests.faults.simulation.later_steps import LaterSteps
from tests.faults.simulation.receivers import Receiver
from tests.faults.simulation.scheduler import DAY, MINUTE, SECOND
from tests.faults.simulation.webhook_tables import WebhookTables

if TYPE_CHECKING:
    from datetime import datetime

    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

SCENE = "webhooks"
ENDPOINTS = 3  # at most, of those that are registered first
FINAL_EVENTS = tuple(f"payment.{status}" for status in sorted(FINAL))
WANTED: tuple[tuple[str, ...], ...] = (
    *((), ()),
    *(FINAL_EVENTS, FINAL_EVENTS),
    PAYMENT_EVENTS,
    ("payment.pending", "hold.placed", "hold.released", "webhook_endpoint.disabled"),
)


class WorldWebhooks(LaterSteps):
    """The endpoints of one world, the people who change them, and the receivers."""

    def __init__(self, world: World, scene: str) -> None:
        super().__init__(world)
        self.on = scene == SCENE
        late = world.engine == "dynamodb"
        self.spread = 0  # by how much clocks differ, in microseconds
        self.events = WorldEvents(world.time, late, lambda: self.spread) if self.on else None
        self.tables = WebhookTables(world, world.rng)
        self.receivers: dict[str, Receiver] = {}
        self.lost: dict[str, dict[str, Event]] = {}  # by endpoint, what its receivers forgot
        self.without_lease = self.on and world.chance(0.2)
        self._urls = 0

    def overlap(self) -> int:
        """Return for how long a replaced secret has to sign, in microseconds."""
        return DAY - self.spread - MINUTE

    def written(self, events: Sequence[Event]) -> None:
        """Record what has happened."""
        if self.events is not None:
            self.events.written(events)

    # What people do

    def schedule(self, span: int) -> None:
        """Plan when endpoints are registered, changed and down."""
        if not self.on:
            return
        draw = self.world.draw
        for number in range(1 + draw(ENDPOINTS)):
            self._later(draw(span) if number else SECOND, self._register)
        end = span + 5 * MINUTE
        for _ in range(draw(16)):
            self._later(draw(end), self._act)
        for _ in range(draw(6)):
            self._later(draw(end), self._break)
        self._later(MINUTE, self._tidy)

    def receiver(self, url: str, endpoint_id: str) -> Receiver:
        """Return the receiver behind a URL."""
        if url not in self.receivers:
            self.receivers[url] = Receiver(self.lost.setdefault(endpoint_id, {}))
        return self.receivers[url]

    def _register(self) -> None:
        wanted = WANTED[self.world.draw(len(WANTED))]
        self._do(
            lambda p: p.services.webhook_endpoints.create(self._url(), wanted, ""),
            again=self._register,
        )

    def _url(self) -> str:
        self._urls += 1
        return f"https://r{self._urls}.example.com/events"

    def _act(self) -> None:
        """Have somebody change an endpoint."""
        known = self.tables.present()
        if not known:
            return
        endpoint_id = known[self.world.draw(len(known))].endpoint_id
        wanted = WANTED[self.world.draw(len(WANTED))]
        actions: list[Callable[[Process], object]] = [
            *(partial(_change, endpoint_id, status=EndpointStatus.DISABLED),) * 2,
            partial(_change, endpoint_id, status=EndpointStatus.ENABLED),
            *(lambda p: p.services.webhook_endpoints.rotate_secret(endpoint_id),) * 4,
            *(partial(_change, endpoint_id, event_types=wanted),) * 2,
            *(lambda p: _change(endpoint_id, p, url=self._url()),) * 2,
            lambda p: p.services.webhook_endpoints.test(endpoint_id),
        ]
        if self.world.chance(0.06):
            self._do(lambda p: p.services.webhook_endpoints.delete(endpoint_id))
        else:
            self._do(actions[self.world.draw(len(actions))])

    def _break(self) -> None:
        """Stop a receiver for a while, or restart it with nothing stored."""
        known = self.tables.present()
        if not known:
            return
        endpoint = known[self.world.draw(len(known))]
        receiver = self.receiver(endpoint.url, endpoint.endpoint_id)
        if self.world.chance(0.4):
            self.world.touch(None, faults.RECEIVER_FORGETS)
            receiver.restart_empty()
        else:
            length = (MINUTE, 60 * MINUTE, 2 * DAY, 7 * DAY)[self.world.draw(4)]
            receiver.down_until = self.world.time.micros() + self.world.draw(length)

    def _tidy(self) -> None:
        """Enable what is disabled, and redeliver what has failed or was forgotten, in the end."""
        over = not self.world.faults.on
        work = list(self._repairs()) if over or self.world.chance(0.3) else []
        for step in work[:40]:
            self.world.last_fault_at = self.world.time.micros()
            self._do(step)
        if not over or work or self.soonest() is not None:
            pause = 10 * MINUTE if over and not work else 5 * SECOND
            self._later(pause + self.world.draw(30 * SECOND), self._tidy)

    def _repairs(self) -> list[Callable[[Process], object]]:
        found: list[Callable[[Process], object]] = []
        for endpoint in self.tables.present():
            if endpoint.status is EndpointStatus.DISABLED:
                enabled = EndpointStatus.ENABLED
                found.append(partial(_change, endpoint.endpoint_id, status=enabled))
        enabled_ids = {each.endpoint_id: each for each in self.tables.enabled()}
        for (endpoint_id, event_id), each in self.tables.deliveries.items():
            if each.status is DeliveryStatus.FAILED and endpoint_id in enabled_ids:
                found.append(partial(self._redeliver, endpoint_id, event_id))
        for endpoint_id in enabled_ids:
            for event_id in self.lost.get(endpoint_id, ()):
                known = self.tables.deliveries.get((endpoint_id, event_id))
                if known is None or known.status is not DeliveryStatus.PENDING:
                    found.append(partial(self._redeliver, endpoint_id, event_id))
        return found

    def _redeliver(self, endpoint_id: str, event_id: str, process: Process) -> None:
        try:
            process.services.webhook_endpoints.redeliver(endpoint_id, event_id)
        except NotFound:  # it is listed under another id
            self.lost[endpoint_id].pop(event_id, None)

    def _do(
        self, step: Callable[[Process], object], again: Callable[[], object] | None = None
    ) -> None:
        """Do a step by any process; a person who gets an error looks again later."""
        process = self.world.any_process()
        if process is None:
            if again is not None:
                self._later(SECOND, again)
            return

        def work() -> None:
            try:
                step(process)
            except PaymentAppError as error:
                self.world.note(process, "webhooks", None, str(error))
                if again is not None:
                    self._later(SECOND, again)

        process.spawn(work)

    # What a process has to do

    def look(self, process: Process) -> None:
        """Have a process deliver what waits, and publish what was announced."""
        if self.events is None:
            return
        for endpoint in self.tables.enabled():
            waits = self._has_news(endpoint)
            if waits or self._due(endpoint, process.clock()):
                process.deliver_later(endpoint.endpoint_id)
        soonest = self.events.soonest()
        if soonest is not None and soonest <= self.world.time.micros():
            process.publish_later()

    def soonest(self) -> datetime | None:
        """Return when something is to be delivered or published; None where nothing is."""
        if self.events is None:
            return None
        times = [self.tables.soonest(each.endpoint_id) for each in self.tables.enabled()]
        if any(map(self._has_news, self.tables.enabled())):
            times.append(moment(0))
        publishing = self.events.soonest()
        if publishing is not None:
            times.append(moment(publishing))
        return min((when for when in times if when), default=None)

    def _due(self, endpoint: WebhookEndpoint, now: datetime) -> bool:
        soonest = self.tables.soonest(endpoint.endpoint_id)
        return soonest is not None and soonest <= now

    def _has_news(self, endpoint: WebhookEndpoint) -> bool:
        assert self.events is not None
        note = self.world.tables.notes.get(f"webhook#{endpoint.endpoint_id}")
        after = note.text.split()[0] if note else f"evt_{position_of(endpoint.created_at)}"
        return self.events.has_more(after)

    # What must have arrived

    def judge(self) -> None:
        """Report each event that an endpoint wanted, and has not got."""
        if self.events is None:
            return
        for endpoint in self.tables.enabled():
            for event, at in self.events.happened.items():
                if event.at > endpoint.created_at and self._is_promised(event, at):
                    self._check_arrived(endpoint, event, at)

    def _is_promised(self, event: Event, at: int) -> bool:
        """Return whether a change was made soon enough after it was announced."""
        assert self.events is not None
        announced = self.events.announced.get(event, at)
        return at - announced <= CHECKED - self.spread - MINUTE

    def _check_arrived(self, endpoint: WebhookEndpoint, event: Event, at: int) -> None:
        versions = self.tables.versions_since(endpoint.endpoint_id, at)
        if not all(each.wants(event.type) for each in versions):
            return
        urls = {each.url for each in versions}
        if not any(self.receiver(url, endpoint.endpoint_id).has(event) for url in urls):
            words = f"{event.type} of {moment(at)} never arrived at {endpoint.endpoint_id}"
            self.world.findings.fail("webhook lost", words, event.payment)


def _change(endpoint_id: str, process: Process, /, **changes: object) -> object:
    return process.services.webhook_endpoints.change(endpoint_id, changes)  # type: ignore[arg-type]
