"""Limits in the DynamoDB store: payments are counted in the transaction that writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from paymentapp.models.duplicates import DuplicateCheck, DuplicateFound
from paymentapp.models.limits import Charge, LimitWindow
from paymentapp.models.payments import PaymentKey
from paymentapp.models.revisions import new_revision
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.codec.limits import (
    LATEST,
    CounterKey,
    counter_key,
    likeness_key,
    likeness_record,
)
from paymentapp.storage.codec.records import Record
from paymentapp.storage.dynamodb.attribute_values import to_item, to_value
from paymentapp.storage.dynamodb.sharded_counters import DynamoDBShardedCounters
from paymentapp.storage.dynamodb.transactions import Write


class Count(NamedTuple):
    """A write that counts a payment, and the counter that it concerns; empty for no counter."""

    write: Write
    counter: str = ""


class DynamoDBLimits(DynamoDBShardedCounters):
    """The counters of limits, and the latest payments of those that are alike."""

    def count_of(self, charges: Sequence[Charge]) -> list[dict[str, Decimal]]:
        """Read 100 counters a request, and those with shards once more, a request each."""
        found = self._paid(charges)
        return [dict(found[counter_key(charge)]) for charge in charges]

    def _counting(self, acceptance: Acceptance) -> list[Count]:
        """Return the writes that count a payment, after one read of what is counted so far.

        A second read follows where a shard has no room. Raises LimitReached, DuplicateFound.
        """
        payment, charges, alike = acceptance.payment, acceptance.charges, acceptance.alike
        busy = [each.is_sole_limit and self._contention.is_busy(each.counter) for each in charges]
        keys = [self._key_for(*each) for each in zip(charges, busy, strict=True)]
        found = self._records([*keys, *([_latest_key(alike)] if alike else [])])
        counts = [
            Count(write, charge.counter)
            for charge, is_busy in zip(charges, busy, strict=True)
            for write in self._count_charge(charge, found, is_busy)
        ]
        if alike is None:
            return counts
        latest = found.get(_latest_key(alike), {}).get("payment_id", "")
        if not alike.passes(latest, payment.payment_id):
            raise DuplicateFound(PaymentKey(payment.customer_id, latest))
        return [*counts, Count(self._noting(alike, payment.payment_id))]

    def _giving_back(self, charges: Iterable[Charge]) -> list[Write]:
        """Return the writes that take charges off their counters: one write for each counter.

        Each has the condition that the counter, and the step in it, is still there.
        """
        by_counter: dict[CounterKey, list[Charge]] = {}
        for charge in charges:
            by_counter.setdefault(counter_key(charge), []).append(charge)
        return [{"Update": self._give_back(each)} for each in by_counter.values()]

    def _give_back(self, charges: Sequence[Charge]) -> dict[str, Any]:
        """Return the update that takes charges off the counter that they have in common."""
        amounts: dict[str, Decimal] = {}
        for charge in charges:
            amounts[charge.slot] = amounts.get(charge.slot, Decimal(0)) + charge.amount
        if charges[0].window is not LimitWindow.ROLLING:
            values: Record = {":amount": -sum(amounts.values())}
            request = self._update(charges[0], "ADD used :amount", values)
            return request | {"ConditionExpression": "attribute_exists(used)"}
        steps = {f"step{number}": slot for number, slot in enumerate(amounts)}
        less = ", ".join(f"steps.#{step} = steps.#{step} - :{step}" for step in steps)
        values = {f":{step}": amounts[slot] for step, slot in steps.items()}
        change = f"SET {less}, revision = :new"
        request = self._update(charges[0], change, values | {":new": new_revision()})
        return request | {
            "ConditionExpression": " AND ".join(f"attribute_exists(steps.#{n})" for n in steps),
            "ExpressionAttributeNames": {f"#{step}": slot for step, slot in steps.items()},
        }

    def _noting(self, check: DuplicateCheck, payment_id: str) -> Write:
        """Return the write that makes a payment the latest of its likeness, if the check passes."""
        key = _latest_key(check)._asdict()
        request: dict[str, Any] = {
            "TableName": self._operations,
            "Item": to_item(key | likeness_record(check, payment_id)),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if check.since is not None:
            condition = "attribute_not_exists(pk) OR payment_id < :since OR payment_id = :allowed"
            values = {":since": check.since, ":allowed": check.allowed or payment_id}
            request |= {
                "ConditionExpression": condition,
                "ExpressionAttributeValues": {n: to_value(v) for n, v in values.items()},
            }
        return {"Put": request}


def _latest_key(check: DuplicateCheck) -> CounterKey:
    return CounterKey(likeness_key(check), LATEST)
