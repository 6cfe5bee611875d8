"""Outcomes of payments: what OpenACH shows, what time has shown, what an operator records."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime

from paymentapp.banking import return_reason, returns_over
from paymentapp.clock import Clock, from_text, to_text
from paymentapp.errors import Conflict, NotGenuine
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.models.provider_state import ProviderState, StateEntry, update_state_entry
from paymentapp.providers.openach.orders import OpenAchOrder, local_date
from paymentapp.providers.openach.records import MADE, Found, differences
from paymentapp.providers.openach.tables import LEAD, STATUS, RawStatus
from paymentapp.providers.updates import (
    BlockedPayee,
    Delivery,
    ItemReport,
    Recorded,
    UnreadFile,
    WebhookNews,
)

log = logging.getLogger(__name__)

_NOTHING = "{}"


class OpenAchOutcomes:
    """Reports on payments, and keeps what OpenACH does not. Raises StoreUnavailable.

    OpenACH tells of no return. A payment of which it has made an entry has succeeded once the time
    is over in which it would have come back, unless an operator has recorded that it did.
    """

    def __init__(self, state: ProviderState, hold_days: int, clock: Clock) -> None:
        self._state = state
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

    def record(self, payment: Payment, status: Status, code: str) -> Recorded:
        """Record what an operator says of a payment. Raises Conflict where it was returned."""
        known = return_reason(code)
        reason = f"{code} {known.short}"[:40] if known.known else code

        def change(text: str) -> str:
            before = json.loads(text)
            if before.get("status") == Status.RETURNED and status is not Status.RETURNED:
                raise Conflict("a return of this payment is on record")
            if before.get("status") == status:
                return text
            return json.dumps({"status": status, "code": code, "reason": reason})

        update_state_entry(self._state, _recorded(payment.key.item_id), _NOTHING, change)
        if status is not Status.RETURNED:
            return Recorded()
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
            over = self._clock() >= self._returns_over(entered)
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
        name = f"openach/entered/{order.item_id}"
        stored = self._state.get_state_entry(name)
        if stored is None:
            if found is None or differences(order, found) or found.schedules[0].remaining != MADE:
                return None
            stored = self._state.add_state_entry(StateEntry.new(name, to_text(self._clock())))
        return from_text(stored.text)

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


class OpenAchMailbox:
    """What an operator records: OpenACH itself tells nothing, so that nothing is collected."""

    def __init__(self, outcomes: OpenAchOutcomes) -> None:
        self._outcomes = outcomes

    def collect(self) -> Iterator[Delivery]:
        """Yield nothing."""
        return iter(())

    def put_away(self, delivery: Delivery) -> None:
        """Do nothing."""

    def parse_webhook(self, body: bytes) -> WebhookNews:  # noqa: ARG002  # there is none
        """Refuse any event: OpenACH sends none. Raises NotGenuine."""
        raise NotGenuine("OpenACH sends no events")

    def unread(self) -> list[UnreadFile]:
        """Return nothing."""
        return []

    def set_aside(self, file_id: str, note: str) -> bool:  # noqa: ARG002  # there is none
        """Return False: there is no file."""
        return False

    def record(self, payment: Payment, status: Status, code: str) -> Recorded:
        """Record what an operator says of a payment. Raises Conflict, StoreUnavailable."""
        return self._outcomes.record(payment, status, code)


def _recorded(item_id: str) -> str:
    return f"openach/recorded/{item_id}"
