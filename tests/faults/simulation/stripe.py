"""Stripe as processes reach it: the real provider, over a simulated network with faults."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from paymentapp.errors import CannotVerify, NotGenuine, NotSent, OutcomeUnknown
from paymentapp.models.payments import PaymentKey
from paymentapp.providers.http import Answer, Http
from paymentapp.providers.stripe.provider import KEY_TRUSTED, Stripe
from paymentapp.providers.stripe.settings import StripeSettings
from tests.faults.simulation import faults
from tests.faults.simulation.clock import START
from tests.faults.simulation.ledger import Moved
from tests.faults.simulation.scheduler import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    current_task,
)
from tests.faults.simulation.trace import batch_in
from tests.faults.simulation.transfers import (
    INCAPABLE,
    NO_PAYOUTS,
    UNKNOWN,
    Payout,
    Request,
    Said,
    Transfers,
    as_bytes,
    error,
)

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

POST_RATE = 0.3
GET_RATE = 0.08
SECRET = "whsec_simulated0001"
SETTINGS = StripeSettings("sk_test_simulated0001", (SECRET,), "https://stripe.invalid")
# A process that is held up for longer between its look at the clock and its call may find that the
# key was used by another, and is forgotten: nothing is promised for that, and here it dies of it.
HELD_UP = DAY - KEY_TRUSTED // timedelta(microseconds=1) - 15 * MINUTE
_PATIENCE = 30 * SECOND
_DOWN = (faults.NOT_SENT, faults.ERROR_BEFORE, faults.TIMEOUT_BEFORE)
_LATE = (10 * MINUTE, 5 * HOUR, 30 * HOUR)
_NOTHING = (faults.NOT_SENT, faults.TIMEOUT_BEFORE, faults.ACTS_LATE, faults.CRASH_BEFORE)


class Followed(Protocol):
    """What becomes of money at Stripe: times and statuses, oldest first."""

    steps: list[tuple[int, str]]
    heard: dict[str, str]


class Books(Protocol):
    """Stripe's own records: of transfers, or of outbound payments."""

    on_their_way: Counter[str | None]

    def answer(self, request: Request) -> Said:
        """Carry out a request, or answer as its key says."""

    def fail(self, request: Request, *, acting: bool) -> Said:
        """Answer 500, having acted or not."""

    def is_forgotten(self, request: Request) -> bool:
        """Return whether its key was used and forgotten."""

    def is_delayed(self, request: Request, until: int) -> None:
        """Learn that a request is under way until then."""


class StripeSide:
    """The one Stripe of all processes, and its events."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.transfers = Transfers(world, self._announce)
        self.pending = 0  # deliveries of events that are still to be made
        self.unpayable: set[str] = set()  # customers to whom nothing can be transferred
        self._events = 0

    def provider(self, process: Process) -> Stripe:
        """Build a process's Stripe provider, the real one."""
        door = cast(Http, SimulatedHttp(self.world, process, self.transfers))
        return self.world.parts.stripe(SETTINGS, process.clock, door)

    def account_for(self, customer_id: str, number: int) -> str:
        """Connect an account for a customer; return the destination. Some cannot be paid."""
        draw = self.world.draw
        kind, payout = "acct_fine", ("", ":standard", ":instant")[draw(3)]
        match draw(12):
            case 0:
                kind = (UNKNOWN, INCAPABLE)[draw(2)]
                self.unpayable.add(customer_id)
            case 1:
                kind = NO_PAYOUTS
        return f"{kind}{number}{payout}"

    def payee(self, customer_id: str, destination: str) -> str:  # noqa: ARG002
        """Return the payee of a destination, in the form of the ledger."""
        return destination

    def moved(self) -> Iterator[tuple[PaymentKey, Moved]]:
        """Return every payment that Stripe was told to make."""
        return self.transfers.moved()

    def _announce(self, payout: Followed) -> None:
        """Plan the events of a payout: some never come, some twice, in random order."""
        for at, status in payout.steps:
            likely = 0.9 if status in ("failed", "returned") else self.world.hooks
            if self.world.chance(likely):
                self._events += 1
                for _ in range(1 + int(self.world.chance(0.2))):
                    self.pending += 1
                    event = partial(self._deliver, payout, f"evt_{self._events}", status, 40)
                    self.world.at(at + self.world.draw(5 * MINUTE), event)

    def _deliver(self, payout: Any, name: str, status: str, tries: int) -> None:
        """Deliver an event to a process; repeat until it is acknowledged."""
        process = self.world.any_process()
        heard = False

        def deliver() -> None:
            nonlocal heard
            assert process is not None
            try:
                body = self._event(payout, name, status)
                process.services.webhooks.receive("stripe", self._signed(body), body)
                payout.heard[name] = status
                heard = True
            except (NotGenuine, CannotVerify):
                pass  # its clock is off by more than a signature lasts
            finally:
                after()

        def after() -> None:
            if heard or not tries:
                self.pending -= 1
            else:
                again = partial(self._deliver, payout, name, status, tries - 1)
                self.world.at(self.world.time.micros() + MINUTE, again)

        if process is None:
            after()
        else:
            process.spawn(deliver)

    def _event(self, payout: Payout, name: str, status: str) -> bytes:
        return json.dumps(
            {
                "id": name,
                "type": f"payout.{'updated' if status == 'in_transit' else status}",
                "livemode": False,
                "account": payout.account,
                "data": {"object": self.transfers.told(payout, status)},
            }
        ).encode()

    def _signed(self, body: bytes) -> Mapping[str, str]:
        """Sign a body as in https://docs.stripe.com/webhooks#verify-manually."""
        at = int(START.timestamp()) + self.world.time.micros() // SECOND
        digest = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return {"stripe-signature": f"t={at},v1={digest}"}


class SimulatedHttp:
    """A process's HTTP client, in place of `paymentapp.providers.http.Http`."""

    def __init__(
        self, world: World, process: Process, transfers: Books, held_up: int = HELD_UP
    ) -> None:
        self.world = world
        self.process = process
        self.transfers = transfers
        self.held_up = held_up

    def call(
        self,
        method: str,
        path: str,
        *,
        moves_money: bool,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Answer:
        """Make one call. Raises NotSent, OutcomeUnknown as the real one does."""
        request = Request.of(method, path, headers, body)
        fault = self._begin(request, moves_money)
        self._not_answered(fault, request, moves_money)
        if fault in _ANSWERS:
            self._note(request, fault)
            return _ANSWERS[fault]
        if fault in (faults.KEPT_BEFORE, faults.KEPT_AFTER):
            said = self.transfers.fail(request, acting=fault == faults.KEPT_AFTER)
        else:
            said = self.transfers.answer(request)
        self._note(request, (fault, said.status, said.replayed) if fault else said.status)
        if fault == faults.CRASH_AFTER:
            self.process.die()
        if fault == faults.TIMEOUT_AFTER:
            self.process.wait(_PATIENCE)
            raise OutcomeUnknown("NO_ANSWER")
        if fault == faults.GARBAGE_AFTER:
            return Answer(200, {}, b"<html>")
        self.process.wait(self.world.draw(100 * MILLISECOND))
        return _answer(said)

    def close(self) -> None:
        """Do nothing: no connection is open."""

    def _begin(self, request: Request, moves_money: bool) -> str | None:
        """Let time pass and other tasks run; return the fault of this call."""
        world, process = self.world, self.process
        task, began = current_task(), world.time.micros()
        subject = task.subject = batch_in(request.key or "") or task.subject
        if request.method in world.fault_plan.traps:
            world.fault_plan.trigger(request.method, process)
        if world.provider_is_down():
            world.touch_task(task, faults.DOWN)
            fault: str | None = _DOWN[world.draw(3)]
        else:
            menu, rate = (faults.POSTS, POST_RATE) if moves_money else (faults.GETS, GET_RATE)
            forced = moves_money and isinstance(subject, str) and world.doomed(subject, "submit")
            fault = world.faults.draw(menu, rate, forced)
            if fault is not None:
                world.touch_task(task, fault)
        process.wait(50 * MILLISECOND + world.draw(500 * MILLISECOND))
        if fault == faults.SLOW_PROVIDER:
            process.wait(MINUTE + world.draw(4 * MINUTE))
        if moves_money and world.time.micros() - began > self.held_up:
            process.die()
        return fault

    def _not_answered(self, fault: str | None, request: Request, moves_money: bool) -> None:
        """Handle a call that has no effect, or not now."""
        if fault == faults.ACTS_LATE:
            now, late = self.world.time.micros(), self.world.draw(_LATE[self.world.draw(3)])
            self.transfers.on_their_way[batch_in(request.key or "")] += 1
            self.transfers.is_delayed(request, now + late)
            self.world.at(now + late, lambda: self._late(request, now))
        if fault in (faults.TIMEOUT_BEFORE, faults.ACTS_LATE):
            self.process.wait(_PATIENCE)
        if fault not in _NOTHING:
            return
        self._note(request, fault)
        if fault == faults.CRASH_BEFORE:
            self.process.die()
        if fault == faults.NOT_SENT or not moves_money:
            raise NotSent("NOT_CONNECTED")
        raise OutcomeUnknown("NO_ANSWER")

    def _late(self, request: Request, sent: int) -> None:
        """Deliver a late request, unless its key was used and is forgotten.

        Nothing could protect against that, and no request is delayed for so long; nor for longer
        than drawn, as one over which the time has skipped would be.
        """
        self.transfers.on_their_way[batch_in(request.key or "")] -= 1
        is_lost = self.world.time.micros() - sent > _LATE[-1]
        if not is_lost and not self.transfers.is_forgotten(request):
            self._note(request, ("late", self.transfers.answer(request).status))

    def _note(self, request: Request, outcome: object) -> None:
        call = f"{request.method} {request.path.removeprefix('/v1/')}"
        subject = batch_in(request.key or "") or getattr(current_task(), "subject", None)
        self.world.note(self.process, call, subject, outcome)


def _answer(said: Said) -> Answer:
    headers = {"Request-Id": "req_1"}
    if said.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Answer(said.status, headers, as_bytes(said))


_ANSWERS: Mapping[str | None, Answer] = {  # of what did nothing, and is not kept
    faults.BUSY: _answer(error(429, "invalid_request_error", "rate_limit")),
    faults.TOKEN: _answer(error(401, "invalid_request_error", "")),
    faults.ERROR_BEFORE: Answer(503, {}, b"Service Temporarily Unavailable"),
    faults.GARBAGE_BEFORE: Answer(200, {}, b"<html>"),
    faults.KEY_IN_USE: _answer(error(409, "invalid_request_error", "idempotency_key_in_use")),
}
