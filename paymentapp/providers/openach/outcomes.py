"""Outcomes of payments: what OpenACH shows, what time has shown, what an operator records."""

from __future__ import annotations

import json
import logging
from datetime import datetime

from paymentapp.banking import return_reason, returns_over
from paymentapp.clock import Clock, from_text, to_text
from paymentapp.errors import Conflict
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.models.provider_state import ProviderState, StateEntry, update_state_entry
from paymentapp.providers.bank_mail.incoming_state import IncomingState
from paymentapp.providers.openach.orders import OpenAchOrder, local_date
from paymentapp.providers.openach.records import MADE, Found, differences
from paymentapp.providers.openach.tables import LEAD, STATUS, RawStatus
from paymentapp.providers.updates import BlockedPayee, ItemReport, Recorded

log = logging.getLogger(__name__)

_NOTHING = "{}"


class OpenAchOutcomes:
    """Reports on payments, and keeps what OpenACH does not. Raises StoreUnavailable.

    OpenACH tells of no return. A payment of which it has made an entry has succeeded once the time
    is over in which it would have come back, unless an operator has recorded that it did.
    """

    def __init__(
        self,
        state: ProviderState,
        hold_days: int,
        clock: Clock,
        incoming: IncomingState | None = None,
    ) -> None:
        """Build it; with `incoming` no payment succeeds before the bank's files were read."""
        self._state = state
        self._incoming = incoming
        self._hold_days = hold_days
        self._clock = clock

    def report(self, order: OpenAchOrder, found: Found | None) -> ItemReport:
        """Return the report of a payment."""
        recorded = self._recorded(order.item_id)
        status: Status | None
        if recorded is not None:
            raw, status, reason = recorded
        else:
            seen = self._raw_status(order, found)
            raw, status, reason = seen, STATUS[seen], None
            if status is None:
                self._warn_once(order, seen)
        schedule_id = found.schedules[0].schedule_id if found and found.schedules else None
        return ItemReport(
            item_id=order.item_id,
            status=status,
            raw_status=raw,
            provider_item_id=order.external_id,
            transaction_id=schedule_id if status is Status.SUCCEEDED else None,
            reason=reason,
            money=Money(order.amount, "USD"),
        )

    def record(self, item_id: str, status: Status, code: str) -> Recorded:
        """Record what an operator or the bank says. Raises Conflict where it was returned."""
        reason = return_words(code)

        def change(text: str) -> str:
            before = json.loads(text)
            if before.get("status") == Status.RETURNED and status is not Status.RETURNED:
                raise Conflict("a return of this payment is on record")
            if before.get("status") == status:
                return text
            return json.dumps({"status": status, "code": code, "reason": reason})

        update_state_entry(self._state, _recorded(item_id), _NOTHING, change)
        if status is not Status.RETURNED:
            return Recorded()
        known = return_reason(code)
        blocked = known.known and known.stop_using
        return Recorded(reason, BlockedPayee(reason) if blocked else None)

    def _recorded(self, item_id: str) -> tuple[str, Status, str | None] | None:
        stored = self._state.get_state_entry(_recorded(item_id))
        record = json.loads(stored.text) if stored else {}
        if not record:
            return None
        status = Status(record["status"])
        if status is Status.SUCCEEDED:
            return RawStatus.CONFIRMED, status, None
        return record["code"] or RawStatus.RETURNED, status, record["reason"]

    def _raw_status(self, order: OpenAchOrder, found: Found | None) -> RawStatus:
        entered = self._entered_at(order, found)
        if entered is not None:
            over = self._is_over(self._returns_over(entered))
            return RawStatus.NOT_RETURNED_IN_TIME if over else RawStatus.ENTERED
        if found is None or not found.schedules:
            return RawStatus.DELETED
        if differences(order, found):
            return RawStatus.DIFFERS
        if local_date(self._clock()) > order.last_run:
            return RawStatus.MISSED
        return RawStatus.SCHEDULED if found.all_enabled else RawStatus.SUSPENDED

    def _entered_at(self, order: OpenAchOrder, found: Found | None) -> datetime | None:
        """Return when it was first seen that an entry was made; kept, whatever is seen later.

        A profile that is deleted afterwards changes nothing: its entry is paid.
        """
        name = _entered(order.item_id)
        stored = self._state.get_state_entry(name)
        if stored is None:
            if found is None or differences(order, found) or found.schedules[0].remaining != MADE:
                return None
            text = f"{to_text(self._clock())} {found.schedules[0].schedule_id}"
            stored = self._state.add_state_entry(StateEntry.new(name, text))
        return from_text(stored.text.partition(" ")[0])

    def entered_schedule(self, item_id: str) -> str | None:
        """Return the id of a payment's schedule, once an entry is known to have been made of it."""
        stored = self._state.get_state_entry(_entered(item_id))
        return stored.text.partition(" ")[2] if stored else None

    def _is_over(self, end: datetime) -> bool:
        """Return whether the hold is over, and all files were read that the bank sent in it."""
        read_at = self._incoming.read_at() if self._incoming else self._clock()
        return read_at is not None and min(read_at, self._clock()) >= end

    def _returns_over(self, entered: datetime) -> datetime:
        """Return when the hold is over; the run is never later than when its work was seen."""
        return returns_over(local_date(entered) + LEAD, self._hold_days)

    def _warn_once(self, order: OpenAchOrder, raw: RawStatus) -> None:
        """Log what an operator has to look into, once for all processes."""
        entry = StateEntry.new(f"openach/noticed/{order.item_id}/{raw}", "")
        if self._state.add_state_entry(entry).revision == entry.revision:
            log.error(
                "payment %s is %s at OpenACH: it is neither paid nor failed until an operator "
                "records what became of it; see docs/operating.md",
                *(order.item_id, raw),
            )


def return_words(code: str) -> str:
    """Return a bank's return code with its reason in words, in at most 40 characters."""
    known = return_reason(code)
    return f"{code} {known.short}"[:40] if known.known else code


def _recorded(item_id: str) -> str:
    return f"openach/recorded/{item_id}"


def _entered(item_id: str) -> str:
    return f"openach/entered/{item_id}"
