"""Counters of limits, and the latest of payments that are alike, as records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from paymentapp.models.duplicates import DuplicateCheck
from paymentapp.models.limits import Charge, LimitWindow, slot_end
from paymentapp.storage.codec.records import Record, reads

LATEST = "latest"
SHARDS = 64  # of a counter that many requests change at once; all are read by one request
_KEPT = timedelta(days=2)  # after the last window in which an amount counts


class CounterKey(NamedTuple):
    """The key of a counter's record: one for each day or month, and one for rolling windows."""

    pk: str
    sk: str


def counter_key(charge: Charge) -> CounterKey:
    """Return the key of the record in which a charge is counted."""
    rolling = charge.window is LimitWindow.ROLLING
    return CounterKey(f"limit#{charge.counter}", charge.window.value if rolling else charge.slot)


class Shard(NamedTuple):
    """Room for payments that is counted already, in a slot, and within a limit."""

    number: int
    room: Decimal = Decimal(0)
    slot: str = ""
    counted_within: Decimal = Decimal(0)
    is_stored: bool = False

    def holds(self, charge: Charge) -> bool:
        """Return whether a charge may be counted here: its limit allows what was counted."""
        return (
            self.slot == charge.slot
            and charge.limit is not None
            and self.counted_within <= charge.limit
            and self.room >= charge.amount
        )

    def unspent(self, charge: Charge) -> Charge:
        """Return the room as a charge of the counter that a charge is counted in."""
        return Charge(charge.counter, self.slot, self.room)


def shard_key(charge: Charge, number: int) -> CounterKey:
    """Return the key of a shard of the counter of a charge; each has a partition of its own."""
    pk, sk = counter_key(charge)
    return CounterKey(f"{pk}#{number}", sk)


@reads
def read_shard(number: int, record: Record) -> Shard:
    """Return a shard from its record."""
    room, within = Decimal(record["room"]), Decimal(record["counted_within"])
    return Shard(number, room, record["slot"], within, is_stored=True)


def counter_record(charge: Charge, slots: Mapping[str, Decimal]) -> Record:
    """Return the amounts of a counter as a record, which expires when they no longer count."""
    return {
        "slots": {slot: str(amount) for slot, amount in slots.items()},
        "expires_at": expires_at(charge.window, max(slots, default=charge.slot)),
    }


@reads
def read_slots(record: Record) -> dict[str, Decimal]:
    """Return the amounts of a counter's record, by slot."""
    return {slot: Decimal(amount) for slot, amount in record["slots"].items()}


def expires_at(window: LimitWindow, slot: str) -> int:
    """Return when a counter's record may be deleted, in epoch seconds."""
    return int((slot_end(window, slot) + _KEPT).timestamp())


def likeness_key(check: DuplicateCheck) -> str:
    """Return the partition key of the latest payment of a likeness."""
    return f"alike#{check.likeness}"


def likeness_record(check: DuplicateCheck, payment_id: str) -> Record:
    """Return the record of the latest payment of a likeness."""
    return {"payment_id": payment_id, "expires_at": int(check.expires_at.timestamp())}
