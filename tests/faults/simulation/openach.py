"""OpenACH as processes reach it: the real provider and the simulator's server, with faults between.

Nightly runs come at any hour, between any two calls; sessions end in mid-call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

from paymentapp.config import load_settings
from paymentapp.errors import NotSent, OutcomeUnknown
from paymentapp.models.batches import Batch
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.providers.base import Kit
from paymentapp.providers.http import Answer, Http
from paymentapp.providers.openach.armed import TOO_LATE
from paymentapp.providers.openach.payees import OpenAchPayees
from paymentapp.providers.openach.provider import OpenAch
from paymentapp.providers.openach.settings import ARMED, COMPLETE
from paymentapp.providers.openach.tables import (
    ARMED_AHEAD,
    ARMED_UNTIL,
    LEAD,
    PICKED_UP_WITHIN,
)
from simulators.common.database import Database
from simulators.openach.core import OpenAchSimulator
from simulators.openach.server import openach_app
from simulators.openach.settings import OpenAchSimulatorSettings
from tests.faults.simulation import faults
from tests.faults.simulation.ledger import Moved
from tests.faults.simulation.scheduler import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    current_task,
)
from tests.support.ach_backend import bank_account
from tests.support.openach_backend import KEY, PREFIX, TOKEN, openach_environ

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

SESSION_ENDED: Final = "session ends in mid-call"
RUN_BETWEEN: Final = "nightly run between two calls"
SAVES: Final = (
    *(faults.NOT_SENT, faults.ERROR_BEFORE, faults.TIMEOUT_BEFORE, faults.GARBAGE_BEFORE),
    *(faults.ERROR_AFTER, faults.TIMEOUT_AFTER, faults.TIMEOUT_AFTER, faults.GARBAGE_AFTER),
    *(faults.ACTS_LATE, faults.ACTS_LATE, faults.SLOW_PROVIDER, faults.CRASH_BEFORE),
    *(faults.CRASH_AFTER, SESSION_ENDED, RUN_BETWEEN, RUN_BETWEEN),
)
READS: Final = (
    *(faults.NOT_SENT, faults.ERROR_BEFORE, faults.TIMEOUT_BEFORE, faults.GARBAGE_BEFORE),
    *(faults.CRASH_BEFORE, SESSION_ENDED, RUN_BETWEEN),
)
_SAVE_RATE = 0.4
_READ_RATE = 0.08
_PATIENCE = 30 * SECOND
_DOWN = (faults.NOT_SENT, faults.ERROR_BEFORE, faults.TIMEOUT_BEFORE)
_LATE = (10 * MINUTE, 5 * HOUR, 30 * HOUR)
_NOTHING = (faults.NOT_SENT, faults.TIMEOUT_BEFORE, faults.ACTS_LATE, faults.CRASH_BEFORE)
_HTML = Answer(200, {}, b"<html>Fatal error</html>")
_ANSWERS: Mapping[str | None, Answer] = {  # of what did nothing
    faults.ERROR_BEFORE: Answer(503, {}, b"Service Temporarily Unavailable"),
    faults.GARBAGE_BEFORE: _HTML,
}
_SQL = b'{"success":false,"error":"CDbCommand failed: SQLSTATE[HY000]: database is locked"}'


class OpenAchSide:
    """The one OpenACH of all processes, and its nightly runs."""

    def __init__(self, world: World, plan: str) -> None:
        self.world = world
        self.unpayable: set[str] = set()  # customers whose details the server refuses
        self._is_armed = plan == ARMED
        self.on_their_way: Counter[object] = Counter()  # late requests, by batch
        self._entered_at: dict[str, int] = {}  # by schedule
        self._run_is_planned = False
        complete = "yes" if plan == COMPLETE else "no"
        settings = OpenAchSimulatorSettings(token=TOKEN, key=KEY, complete=complete)
        self.app = openach_app(settings, Database(":memory:"), world.time)
        self.client = self.app.test_client(use_cookies=False)
        self.server: OpenAchSimulator = self.app.extensions["openach_simulator"]
        environ = openach_environ("https://openach.invalid", plan=plan, unseen="on")
        self._settings = load_settings(environ)

    def provider(self, process: Process) -> OpenAch:
        """Build a process's own OpenACH, the real one."""
        kit = Kit(self._settings, process.clock, self.world.methods.vault, process.store)
        made = self.world.parts.openach.build(kit)
        made._http = made._api._http = cast(Http, _SimulatedPhp(self.world, process, self))
        return made

    def account_for(self, customer_id: str, number: int) -> str:
        """Return the destination of a customer; some are refused."""
        holder = "Ann Example"
        if self.world.draw(12) == 0:
            holder = "Refused Example"
            self.unpayable.add(customer_id)
        payees = OpenAchPayees(self.world.methods.vault)
        details = bank_account(f"{number:08d}77") | {"holder": holder}
        return payees.destination(customer_id, details)

    def payee(self, customer_id: str, destination: str) -> str:
        """Return the account number of a destination."""
        payees = OpenAchPayees(self.world.methods.vault)
        return payees.open(customer_id, destination).number

    def moved(self) -> Iterator[tuple[PaymentKey, Moved]]:
        """Return every entry that a run has made, and every schedule that waits for one."""
        with self.server.books() as books:
            entries, schedules = books.entries(), books.all_schedules()
        for entry in entries:
            at = self._entered_at[entry["schedule"]]
            yield _moved(entry["external_id"], entry["amount"], entry["account"], (at, "SUCCESS"))
        for each in schedules:
            if each["payment_schedule_remaining_occurrences"] == 1:
                yield _moved(
                    each["payment_profile_external_id"],
                    each["payment_schedule_amount"],
                    each["external_account_number"],
                    (0, "PENDING"),
                )

    def reference_of(self, batch: Batch) -> str | None:
        """Return the id of the schedule of a batch's payment, if one was run or waits for a run."""
        [member] = self.world.tables.members[batch.batch_id]
        external_id = f"{PREFIX}{member.item_id}"
        with self.server.books() as books:
            for entry in books.entries():
                if entry["external_id"] == external_id:
                    return str(entry["schedule"])
            for each in books.all_schedules():
                waits = each["payment_schedule_remaining_occurrences"] == 1
                if waits and each["payment_profile_external_id"] == external_id:
                    return str(each["payment_schedule_id"])
        return None

    @property
    def pending(self) -> bool:
        """Return whether a run will still do something, or a request arrives late."""
        return self._run_is_planned or any(self.on_their_way.values())

    def act(self, path: str, headers: Mapping[str, str], body: Mapping[str, str]) -> Answer:
        """Carry out a request."""
        cookie = {"Cookie": headers["Cookie"]} if "Cookie" in headers else {}
        answer = self.client.post(f"/openach/api{path}", data=dict(body), headers=cookie)
        if path.startswith("/save"):
            self._plan_run()
        return Answer(answer.status_code, {}, answer.get_data())

    def run(self) -> None:
        """Let a nightly run come."""
        with self.server.books() as books:
            books.nightly_run()
            for entry in books.entries():
                self._entered_at.setdefault(entry["schedule"], self.world.time.micros())

    def _plan_run(self) -> None:
        """Plan the next run while something waits for one."""
        if self._run_is_planned or not self._anything_waits():
            return
        self._run_is_planned = True
        self.world.at(self.world.time.micros() + 2 * HOUR + self.world.draw(DAY), self._planned)

    def declines(self, payment: Payment) -> bool:
        """Return whether a payment is refused for certain: by its details, or by its dates."""
        waited = payment.history[-1].at - payment.created_at
        window = ARMED_AHEAD - ARMED_UNTIL if self._is_armed else PICKED_UP_WITHIN - LEAD
        is_late = waited >= window
        too_late = is_late and (payment.reason or "").startswith(TOO_LATE)
        return too_late or payment.customer_id in self.unpayable

    def _planned(self) -> None:
        self._run_is_planned = False
        self.world.note(None, "nightly run", None, "")
        self.run()
        self._plan_run()

    def _anything_waits(self) -> bool:
        with self.server.books() as books:
            schedules = books.all_schedules()
        return any(each["payment_schedule_remaining_occurrences"] == 1 for each in schedules)


class _SimulatedPhp:
    """A process's HTTP client, in place of `paymentapp.providers.http.Http`."""

    def __init__(self, world: World, process: Process, side: OpenAchSide) -> None:
        self.world = world
        self.process = process
        self.side = side

    def call(
        self,
        method: str,  # noqa: ARG002  # always POST
        path: str,
        *,
        moves_money: bool,
        headers: Mapping[str, str],
        body: Mapping[str, str],
    ) -> Answer:
        """Make one call. Raises NotSent, OutcomeUnknown as the real one does."""
        subject = getattr(current_task(), "subject", None)
        fault = self._begin(subject, moves_money)
        self._not_answered(fault, subject, moves_money, (path, headers, body))
        if fault in _ANSWERS:
            self._note(path, subject, fault)
            return _ANSWERS[fault]
        if fault == SESSION_ENDED:
            self.side.server.end_sessions()
        if fault == RUN_BETWEEN:
            self.side.run()
        answer = self.side.act(path, headers, body)
        self._note(path, subject, fault or answer.status)
        if fault == faults.CRASH_AFTER:
            self.process.die()
        if fault == faults.TIMEOUT_AFTER:
            self.process.wait(_PATIENCE)
            raise OutcomeUnknown("NO_ANSWER")
        if fault in (faults.GARBAGE_AFTER, faults.ERROR_AFTER):
            return _HTML if fault == faults.GARBAGE_AFTER else Answer(200, {}, _SQL)
        self.process.wait(self.world.draw(100 * MILLISECOND))
        return answer

    def close(self) -> None:
        """Do nothing: no connection is open."""

    def _begin(self, subject: object, moves_money: bool) -> str | None:
        """Let time pass and other tasks run; return the fault of this call."""
        world, process, task = self.world, self.process, current_task()
        if world.provider_is_down():
            world.touch_task(task, faults.DOWN)
            fault: str | None = _DOWN[world.draw(3)]
        else:
            menu, rate = (SAVES, _SAVE_RATE) if moves_money else (READS, _READ_RATE)
            forced = moves_money and isinstance(subject, str) and world.doomed(subject, "submit")
            fault = world.faults.draw(menu, rate, forced)
            if fault is not None:
                world.touch_task(task, fault)
        process.wait(50 * MILLISECOND + world.draw(500 * MILLISECOND))
        if fault == faults.SLOW_PROVIDER:
            process.wait(MINUTE + world.draw(4 * MINUTE))
        return fault

    def _not_answered(
        self, fault: str | None, subject: object, moves_money: bool, request: Any
    ) -> None:
        """Handle a call that has no effect, or not now."""
        if fault == faults.ACTS_LATE:
            late = self.world.draw(_LATE[self.world.draw(3)])
            self.side.on_their_way[subject] += 1
            self.world.at(self.world.time.micros() + late, lambda: self._late(subject, request))
        if fault in (faults.TIMEOUT_BEFORE, faults.ACTS_LATE):
            self.process.wait(_PATIENCE)
        if fault not in _NOTHING:
            return
        self._note(request[0], subject, fault)
        if fault == faults.CRASH_BEFORE:
            self.process.die()
        if fault == faults.NOT_SENT or not moves_money:
            raise NotSent("NOT_CONNECTED")
        raise OutcomeUnknown("NO_ANSWER")

    def _late(self, subject: object, request: Any) -> None:
        """Deliver a late request, in the session that it was sent in."""
        self.side.on_their_way[subject] -= 1
        self._note(request[0], subject, ("late", self.side.act(*request).status))

    def _note(self, path: str, subject: Any, outcome: object) -> None:
        self.world.note(self.process, path[1:17], subject, outcome)


def _moved(external_id: str, amount: str, account: str, step: tuple[int, str]) -> Any:
    time, customer_id = external_id.removeprefix(PREFIX).split(".")[:2]  # a bug adds more
    key = PaymentKey.of(f"{time}.{customer_id}")
    money = Money(Decimal(amount), "USD")
    return key, Moved("openach", external_id, money, account, [step], ())
