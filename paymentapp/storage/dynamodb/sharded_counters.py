"""Counters that many requests change at once, in the DynamoDB store: amounts set aside in shards.

DynamoDB refuses a transaction on an item that another one is changing, and gives the items of one
partition key 1,000 write units a second. So where requests meet, an amount is counted in advance
and put into a shard: an item with room for many payments, whose partition is its own. A payment
then takes its amount out of a shard, and touches the counter only when that is empty.

The counter is thus never less than what was paid, and no shard belongs to anybody: every process
may use the room of each, or move it back, by a transaction that fails where another one was first.
So nothing is left over where a process dies, and one that stalls writes nothing late.

Only the sole limit of a counter has shards: what another limit, or a waived one, lets a payment add
to the counter would be room that was set aside too much.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from paymentapp.errors import StoreUnavailable
from paymentapp.models.limits import Charge, LimitReached, used
from paymentapp.storage.codec.limits import (
    SHARDS,
    CounterKey,
    Shard,
    counter_key,
    expires_at,
    read_shard,
    shard_key,
)
from paymentapp.storage.codec.records import Record
from paymentapp.storage.contention import tries
from paymentapp.storage.dynamodb.counters import Counted, DynamoDBCounters, counted_in
from paymentapp.storage.dynamodb.transactions import Write, attempt

BUSY_SECONDS = 60  # that a counter counts as busy after a conflict
MOST_PAYMENTS = 256  # for which a shard gets room at once
FEWEST_PAYMENTS = 8  # fewer are not worth the further writes: near the limit nothing is set aside
_LOOKS = 2  # that have to find no room: a read of many items is not one of a single moment
_COLLECTIONS = 20  # tries to put the room of shards together
_REMEMBERED = 1000  # busy counters


class Contention:
    """Which counters this process has met others at, and the shard that each of its threads uses.

    A thread stays with a shard for as long as it meets nobody there.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._own = threading.local()

    def is_busy(self, counter: str) -> bool:
        """Return whether requests have met at a counter lately."""
        return self._until.get(counter, 0) > time.monotonic()

    def note(self, counter: str) -> None:
        """Note that requests have met at a counter, and choose another shard for this thread."""
        now = time.monotonic()
        if len(self._until) >= _REMEMBERED:
            known = list(self._until.items())  # a copy: other threads add to it
            self._until = {name: end for name, end in known if end > now}
        self._until[counter] = now + BUSY_SECONDS
        self._own.shard = random.randrange(SHARDS)  # noqa: S311  # no secret

    @property
    def shard(self) -> int:
        """Return the number of this thread's shard."""
        number: int | None = getattr(self._own, "shard", None)
        if number is None:
            number = self._own.shard = random.randrange(SHARDS)  # noqa: S311  # no secret
        return number


class Whole(NamedTuple):
    """A counter and all its shards, as they were read."""

    counter: Counted
    shards: Sequence[Shard]

    def paid(self, charge: Charge) -> Mapping[str, Decimal]:
        """Return what is counted for payments alone, by slot."""
        slots = self.counter.slots
        for each in self.shards:
            if each.room:
                slots = each.unspent(charge).given_back(slots)
        return slots

    def needed(self, charge: Charge) -> list[Shard]:
        """Return as few shards as give the counter room for a charge, those with most first."""
        slots, shards = self.counter.slots, []
        for each in sorted(self.shards, key=lambda shard: -shard.room):
            if each.room and not charge.fits(slots):
                slots = each.unspent(charge).given_back(slots)
                shards.append(each)
        return shards


class DynamoDBShardedCounters(DynamoDBCounters):
    """The shards of busy counters."""

    _contention: Contention

    def _key_for(self, charge: Charge, busy: bool) -> CounterKey:
        """Return the key of the item to read before a charge is counted."""
        return shard_key(charge, self._contention.shard) if busy else counter_key(charge)

    def _count_charge(
        self, charge: Charge, found: Mapping[CounterKey, Record], busy: bool
    ) -> list[Write]:
        """Return the writes that count a charge, with what was read. Raises LimitReached."""
        if busy:
            shard = _shard_in(charge, self._contention.shard, found)
            return [self._spend(charge, shard)] if shard.holds(charge) else self._find_room(charge)
        counter = counted_in(charge, found)
        if charge.fits(counter.slots):
            return [self._count(charge, counter)]
        if counter.is_sharded:
            return self._find_room(charge)
        raise LimitReached(charge, counter.slots)

    def _find_room(self, charge: Charge) -> list[Write]:
        """Return the writes that count a charge wherever there is room, after a look everywhere.

        Raises LimitReached where there is none, StoreUnavailable where other requests change the
        shards so often that their room cannot be put together.
        """
        looks = 0
        for _ in islice(tries(), _COLLECTIONS):
            whole = self._whole(charge)
            writes = self._count_somewhere(charge, whole)
            if writes:
                return writes
            if charge.fits(whole.paid(charge)):
                self._collect(charge, whole)
                continue
            looks += 1
            if looks == _LOOKS:
                raise LimitReached(charge, whole.paid(charge))
        raise StoreUnavailable(f"shards of a counter were changed {_COLLECTIONS} times meanwhile")

    def _whole(self, charge: Charge) -> Whole:
        keys = [counter_key(charge), *(shard_key(charge, number) for number in range(SHARDS))]
        found = self._records(keys)
        shards = [_shard_in(charge, number, found) for number in range(SHARDS)]
        return Whole(counted_in(charge, found), shards)

    def _paid(self, charges: Iterable[Charge]) -> dict[CounterKey, Mapping[str, Decimal]]:
        """Return what is counted for payments in each counter of some charges."""
        by_key = {counter_key(charge): charge for charge in charges}
        found = self._records(by_key)
        counters = {key: counted_in(charge, found) for key, charge in by_key.items()}
        return {
            key: self._whole(by_key[key]).paid(by_key[key]) if each.is_sharded else each.slots
            for key, each in counters.items()
        }

    def _count_somewhere(self, charge: Charge, whole: Whole) -> list[Write]:
        """Return the writes that count a charge; empty where neither item by itself has room."""
        block = _block(charge, whole.counter)
        if block is not None:
            shard = whole.shards[self._contention.shard]
            return self._refill(charge, block, whole.counter, shard)
        holding = [each for each in whole.shards if charge.is_sole_limit and each.holds(charge)]
        if holding:
            return [self._spend(charge, random.choice(holding))]  # noqa: S311  # no secret
        if charge.fits(whole.counter.slots):
            return [self._count(charge, whole.counter)]
        return []

    def _spend(self, charge: Charge, shard: Shard) -> Write:
        values: Record = {
            ":amount": charge.amount,
            ":slot": charge.slot,
            ":limit": charge.limit,
        }
        key = shard_key(charge, shard.number)
        request = self._update_key(key, "SET room = room - :amount", values)
        condition = "room >= :amount AND slot = :slot AND counted_within <= :limit"
        return {"Update": request | {"ConditionExpression": condition}}

    def _refill(self, charge: Charge, block: Charge, counter: Counted, shard: Shard) -> list[Write]:
        """Return the writes that set a block aside in a shard, and count a charge in it.

        What is left in the shard goes back to the counter: it may be another day's, or was counted
        within another limit.
        """
        left = [shard.unspent(charge)] if shard.room else []
        values: Record = {
            ":room": block.amount - charge.amount,
            ":slot": charge.slot,
            ":limit": charge.limit,
            ":expires": expires_at(charge.window, charge.slot),
        }
        change = "SET room = :room, slot = :slot, counted_within = :limit, expires_at = :expires"
        fill = self._replace_shard(charge, shard, change, values)
        return [self._count(block, counter, left, is_sharded=True), fill]

    def _collect(self, charge: Charge, whole: Whole) -> None:
        """Move the room of some shards back to their counter, if nobody has changed it since."""
        shards = whole.needed(charge)
        nothing = replace(charge, amount=Decimal(0), limit=None)
        back = self._count(nothing, whole.counter, [each.unspent(charge) for each in shards])
        change, values = "SET room = :room", {":room": Decimal(0)}
        emptied = [self._replace_shard(charge, each, change, values) for each in shards]
        attempt(self._client(), [back, *emptied])

    def _replace_shard(self, charge: Charge, shard: Shard, change: str, values: Record) -> Write:
        """Return the write that changes a shard, if it still has the room that was read."""
        condition = "attribute_not_exists(room)"
        if shard.is_stored:
            condition, values = "room = :old", values | {":old": shard.room}
        request = self._update_key(shard_key(charge, shard.number), change, values)
        return {"Update": request | {"ConditionExpression": condition}}


def _shard_in(charge: Charge, number: int, found: Mapping[CounterKey, Record]) -> Shard:
    record = found.get(shard_key(charge, number))
    return read_shard(number, record) if record else Shard(number)


def _block(charge: Charge, counter: Counted) -> Charge | None:
    """Return what to count in advance, a charge included; None where too little is left.

    All shards together get half of what is left, at most.
    """
    if charge.limit is None or not charge.is_sole_limit:
        return None
    left = charge.limit - used(charge.window, counter.slots, charge.slot)
    payments = min(MOST_PAYMENTS, int(left / charge.amount / (2 * SHARDS)))
    return replace(charge, amount=charge.amount * payments) if payments >= FEWEST_PAYMENTS else None
