"""Counters of limits in the DynamoDB store: written in one transaction with what they count.

The counter of a day or a month is one number, to which each payment adds under the condition that
there is room. The counter of a rolling window is replaced by its revision, because no condition of
DynamoDB adds up its steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from paymentapp.models.duplicates import DuplicateCheck, DuplicateFound
from paymentapp.models.limits import Charge, LimitReached, LimitWindow
from paymentapp.models.payments import PaymentKey
from paymentapp.models.revisions import new_revision
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.codec.limits import (
    LATEST,
    CounterKey,
    counter_key,
    expires_at,
    likeness_key,
    likeness_record,
)
from paymentapp.storage.codec.records import Record, reads
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record, to_value
from paymentapp.storage.dynamodb.records import DynamoDBRecords
from paymentapp.storage.dynamodb.transactions import Write


class Counted(NamedTuple):
    """What is stored in a counter: the amounts by slot, and the revision of a rolling one."""

    slots: Mapping[str, Decimal]
    revision: str | None = None


_UNUSED = Counted({})


class DynamoDBLimits(DynamoDBRecords):
    """The counters of limits, and the latest payments of those that are alike."""

    def count_of(self, charges: Sequence[Charge]) -> list[dict[str, Decimal]]:
        """Read 100 counters a request."""
        found = self._records(map(counter_key, charges))
        return [dict(_counted(charge, found).slots) for charge in charges]

    def _records(self, keys: Iterable[CounterKey]) -> dict[CounterKey, Record]:
        """Return records by their keys, by consistent reads; missing ones are left out."""
        wanted = [to_item(key._asdict()) for key in keys]
        items = conditional.read_many(self._client(), self._operations, wanted)
        records = map(to_record, items)
        return {CounterKey(record["pk"], record["sk"]): record for record in records}

    def _counting(self, acceptance: Acceptance) -> list[Write]:
        """Return the writes that count a payment, after one read of what is counted so far.

        Raises LimitReached, DuplicateFound.
        """
        payment, charges, alike = acceptance.payment, acceptance.charges, acceptance.alike
        keys = [*map(counter_key, charges), *([_latest_key(alike)] if alike else [])]
        found = self._records(keys)
        counted = [_counted(charge, found) for charge in charges]
        for charge, counter in zip(charges, counted, strict=True):
            if not charge.fits(counter.slots):
                raise LimitReached(charge, counter.slots)
        writes = list(map(self._count, charges, counted))
        if alike is None:
            return writes
        latest = found.get(_latest_key(alike), {}).get("payment_id", "")
        if not alike.passes(latest, payment.payment_id):
            raise DuplicateFound(PaymentKey(payment.customer_id, latest))
        return [*writes, self._noting(alike, payment.payment_id)]

    def _count(self, charge: Charge, counter: Counted) -> Write:
        if charge.window is LimitWindow.ROLLING:
            return self._replace_steps(charge, counter)
        values: Record = {
            ":amount": charge.amount,
            ":expires": expires_at(charge.window, charge.slot),
        }
        condition: Record = {}
        if charge.limit is not None:
            values[":room"] = charge.limit - charge.amount
            condition = {"ConditionExpression": "attribute_not_exists(used) OR used <= :room"}
        change = "SET expires_at = :expires ADD used :amount"
        return {"Update": self._counter_update(charge, change, values) | condition}

    def _replace_steps(self, charge: Charge, counter: Counted) -> Write:
        steps = charge.counted(counter.slots)
        values: Record = {
            ":steps": steps,
            ":new": new_revision(),
            ":expires": expires_at(charge.window, max(steps)),
        }
        change = "SET steps = :steps, revision = :new, expires_at = :expires"
        condition = "attribute_not_exists(revision)"
        if counter.revision is not None:
            condition, values[":old"] = "revision = :old", counter.revision
        request = self._counter_update(charge, change, values)
        return {"Update": request | {"ConditionExpression": condition}}

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
            request = self._counter_update(charges[0], "ADD used :amount", values)
            return request | {"ConditionExpression": "attribute_exists(used)"}
        steps = {f"step{number}": slot for number, slot in enumerate(amounts)}
        less = ", ".join(f"steps.#{step} = steps.#{step} - :{step}" for step in steps)
        values = {f":{step}": amounts[slot] for step, slot in steps.items()}
        change = f"SET {less}, revision = :new"
        request = self._counter_update(charges[0], change, values | {":new": new_revision()})
        return request | {
            "ConditionExpression": " AND ".join(f"attribute_exists(steps.#{n})" for n in steps),
            "ExpressionAttributeNames": {f"#{step}": slot for step, slot in steps.items()},
        }

    def _counter_update(self, charge: Charge, change: str, values: Record) -> dict[str, Any]:
        return {
            "TableName": self._operations,
            "Key": to_item(counter_key(charge)._asdict()),
            "UpdateExpression": change,
            "ExpressionAttributeValues": to_item(values),
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


def _counted(charge: Charge, found: Mapping[CounterKey, Record]) -> Counted:
    record = found.get(counter_key(charge))
    return _read_counter(record) if record else _UNUSED


@reads
def _read_counter(record: Record) -> Counted:
    if "used" in record:
        return Counted({record["sk"]: Decimal(record["used"])})
    steps = {slot: Decimal(amount) for slot, amount in record["steps"].items()}
    return Counted(steps, record["revision"])
