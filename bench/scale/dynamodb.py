"""A simulated DynamoDB, and a client of it by which the real engine calls it.

Each request takes its time, and its units from the partitions that it touches. Where one has none
left, the request is throttled: botocore repeats it twice, and then raises.
"""

from __future__ import annotations

import marshal
import math
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from botocore.exceptions import ClientError

from bench.scale import expressions
from bench.scale.capacity import PARTITION_READS, PARTITION_WRITES, TABLE_UNITS, Capacity
from bench.scale.expressions import Item, holds, key_range, parse_statement, parse_update
from bench.scale.tables import Entry, SimulatedTable, WriteHook, entry_of
from bench.scale.threads import Kernel

REQUEST_SECONDS = 0.004  # "single-digit millisecond" latency; a third more or less
ITEM_SECONDS = 0.0002  # besides, for each item of a request
# CPU of a process for a request and for each item in it, by what bench/RESULTS.md has measured:
# 4.2 ms for an accepted payment (four requests), 0.7 ms for one that is submitted.
REQUEST_CPU = 0.0008
ITEM_CPU = 0.00025
ATTEMPTS = 3  # `client.open_client`: total_max_attempts of botocore's standard retries
THROTTLED = "ProvisionedThroughputExceededException"
_MEGABYTE = 1024 * 1024  # of one page of a query
_READ, _WRITTEN = 4096, 1024  # bytes of a unit
_NO_CONDITION = "ConditionalCheckFailed"

Answer = dict[str, Any]


class SimulatedDynamoDB:
    """The tables, shared by all processes."""

    def __init__(
        self,
        kernel: Kernel,
        seed: int,
        *,
        partition_writes: float = PARTITION_WRITES,
        partition_reads: float = PARTITION_READS,
        table_units: float = TABLE_UNITS,
    ) -> None:
        self.kernel = kernel
        self.rng = Random(f"dynamodb {seed}")
        self.tables = {n: SimulatedTable(n) for n in ("Customers", "Disbursements", "Operations")}
        self.writes = Capacity(partition_writes, table_units)
        self.reads = Capacity(partition_reads, table_units)
        self.requests: Counter[str] = Counter()
        self.on_write: WriteHook = lambda _table, _old, _new: None

    def lag(self) -> int:
        """Return after how many microseconds an index shows a change: mostly tens of ms."""
        seconds = self.rng.expovariate(1 / 0.02)
        return round(1e6 * (seconds + (self.rng.random() if self.rng.random() < 0.001 else 0)))

    def read(self, table: SimulatedTable, key: tuple[str, str], share: float = 1.0) -> Item | None:
        """Read an item; raises where its partition has no room."""
        entry = table.get(key)
        units = share * max(1, math.ceil(entry.size / _READ)) if entry else share
        self.take(self.reads, [(table.name, key[0], units)])
        return entry.item() if entry else None

    def take(self, capacity: Capacity, uses: list[tuple[str, str, float]]) -> None:
        """Use units; raises where there is no room."""
        if capacity.refuse(int(self.kernel.seconds()), uses) is not None:
            raise _error(THROTTLED)

    def store(self, table: SimulatedTable, change: Change) -> None:
        """Store an item, whose units were taken; its index shows it a little later."""
        table.put(change.key, change.entry)
        at = self.kernel.scheduler.now + self.lag()
        table.index.put(change.key, change.old, change.new, change.projected(table), at)
        self.on_write(table.name, change.old, change.new)


class Change:
    """A write of one item."""

    def __init__(
        self, key: tuple[str, str], old: Entry | None, new: Item | None, factor: int = 1
    ) -> None:
        self.key = key
        self.old = old.item() if old else None
        self.new = new
        self.entry = entry_of(new) if new is not None else None
        sizes = [each.size for each in (old, self.entry) if each is not None]
        self._units = factor * max(1, math.ceil(max(sizes, default=0) / _WRITTEN))

    def projected(self, table: SimulatedTable) -> Entry | None:
        """Return what the index shows of the item: all of it, or its keys."""
        if self.entry is None or self.new is None or table.index.projects_all:
            return self.entry
        keys = (*table.keys, table.index.partition_key, table.index.sort_key)
        shown = {name: self.new[name] for name in keys if name in self.new}
        return Entry(marshal.dumps(shown), sum(map(len, shown)) + 100)

    def uses(self, table: SimulatedTable) -> list[tuple[str, str, float]]:
        """Return the units of the item, and of its entries in the index that change."""
        uses: list[tuple[str, str, float]] = [(table.name, self.key[0], self._units)]
        before, after = table.index.keys_of(self.old), table.index.keys_of(self.new)
        name = f"{table.name}.{table.index.name}"
        units = self._units if table.index.projects_all else 1
        if before != after:
            uses += [(name, each[0], units) for each in (before, after) if each is not None]
        elif after is not None and table.index.projects_all:
            uses.append((name, after[0], units))
        return uses


class SimulatedClient:
    """The methods of botocore's client that the engine calls, for one process."""

    def __init__(self, service: SimulatedDynamoDB, cpu: Callable[[float], None]) -> None:
        """Make a client; `cpu` takes seconds of its process's own time."""
        self._service = service
        self._cpu = cpu

    def close(self) -> None:
        """Do nothing: there are no connections."""

    def get_item(self, **request: Any) -> Answer:
        def read() -> Answer:
            table = self._table(request["TableName"])
            item = self._service.read(table, table.key_of(request["Key"]))
            return {"Item": item} if item is not None else {}

        return self._call("GetItem", 1, read)

    def batch_get_item(self, RequestItems: Any) -> Answer:  # noqa: N803  # AWS's name
        """Read items; those whose partition has no room are left unprocessed."""

        def read() -> Answer:
            answer: Answer = {"Responses": {}, "UnprocessedKeys": {}}
            for name, wanted in RequestItems.items():
                table = self._table(name)
                found = answer["Responses"].setdefault(name, [])
                for key in wanted["Keys"]:
                    try:
                        item = self._service.read(table, table.key_of(key))
                    except ClientError:
                        left = answer["UnprocessedKeys"].setdefault(name, {**wanted, "Keys": []})
                        left["Keys"].append(key)
                        continue
                    found += [item] if item is not None else []
            return answer

        return self._call("BatchGetItem", sum(len(r["Keys"]) for r in RequestItems.values()), read)

    def put_item(self, **request: Any) -> Answer:
        return self._call("PutItem", 1, lambda: self._write_one({"Put": request}))

    def update_item(self, **request: Any) -> Answer:
        return self._call("UpdateItem", 1, lambda: self._write_one({"Update": request}))

    def delete_item(self, **request: Any) -> Answer:
        return self._call("DeleteItem", 1, lambda: self._write_one({"Delete": request}))

    def transact_write_items(self, TransactItems: Any) -> Answer:  # noqa: N803  # AWS's name
        return self._call(
            "TransactWriteItems", len(TransactItems), lambda: self._write_together(TransactItems)
        )

    def batch_execute_statement(self, Statements: Any) -> Answer:  # noqa: N803  # AWS's name
        def execute() -> Answer:
            return {"Responses": [self._execute(statement) for statement in Statements]}

        return self._call("BatchExecuteStatement", len(Statements), execute)

    def query(self, **request: Any) -> Answer:
        wanted = key_range(
            request["KeyConditionExpression"],
            request.get("ExpressionAttributeNames", {}),
            request["ExpressionAttributeValues"],
        )
        table = self._table(request["TableName"])
        if "IndexName" in request:
            return self._call("Query", 1, lambda: self._query_index(table, wanted, request))
        return self._call("Query", 1, lambda: self._query_table(table, wanted, request))

    def _table(self, name: str) -> SimulatedTable:
        return self._service.tables[name]

    def _call(self, operation: str, items: int, effect: Callable[[], Answer]) -> Answer:
        """Take the time of a request, and make it; repeat it where it was throttled."""
        service = self._service
        for attempt in range(ATTEMPTS):
            self._cpu(REQUEST_CPU + ITEM_CPU * items)
            service.kernel.sleep(
                service.rng.uniform(0.67, 1.33) * (REQUEST_SECONDS + ITEM_SECONDS * items)
            )
            service.requests[operation] += 1
            try:
                answer = effect()
                self._cpu(ITEM_CPU * len(answer.get("Items", ())))
                return answer
            except ClientError as error:
                if error.response["Error"]["Code"] != THROTTLED or attempt == ATTEMPTS - 1:
                    raise
            service.kernel.sleep(service.rng.random() * 2**attempt)
        raise AssertionError

    def _write_one(self, write: Any) -> Answer:
        self._make(*self._change(write))
        return {}

    def _make(self, table: SimulatedTable, change: Change) -> None:
        self._service.take(self._service.writes, change.uses(table))
        self._service.store(table, change)

    def _write_together(self, writes: Sequence[Any]) -> Answer:
        """Make all writes at twice their units, or none."""
        changes: list[tuple[SimulatedTable, Change]] = []
        reasons: list[Answer] = []
        for write in writes:
            try:
                changes.append(self._change(write, factor=2))
                reasons.append({"Code": "None"})
            except ClientError as error:
                item = error.response.get("Item")
                reasons.append({"Code": _NO_CONDITION} | ({"Item": item} if item else {}))
        if any(reason["Code"] != "None" for reason in reasons):
            raise _error("TransactionCanceledException", CancellationReasons=reasons)
        uses = [use for table, change in changes for use in change.uses(table)]
        self._service.take(self._service.writes, uses)
        for table, change in changes:
            self._service.store(table, change)
        return {}

    def _change(self, write: Any, factor: int = 1) -> tuple[SimulatedTable, Change]:
        """Return what a write changes. Raises where its condition does not hold."""
        ((kind, request),) = write.items()
        table = self._table(request["TableName"])
        key = table.key_of(request["Item"] if kind == "Put" else request["Key"])
        old = table.get(key)
        names = request.get("ExpressionAttributeNames", {})
        values = request.get("ExpressionAttributeValues", {})
        item = old.item() if old else None
        if not holds(request.get("ConditionExpression"), item, names, values):
            stored = {"Item": item} if item and _wants_old(request) else {}
            raise _error("ConditionalCheckFailedException", **stored)
        if kind == "ConditionCheck":
            return table, Change(key, old, item, factor)
        new = request["Item"] if kind == "Put" else None
        if kind == "Update":
            update = parse_update(request["UpdateExpression"])
            new = expressions.updated(item or dict(request["Key"]), update, names, values)
        return table, Change(key, old, new, factor)

    def _execute(self, request: Any) -> Answer:
        """Execute one statement of a batch; the others do not depend on it."""
        statement, parameters = parse_statement(request["Statement"]), request["Parameters"]
        count = len(statement.sets)
        wanted = dict(zip(statement.where, parameters[count:], strict=True))
        table = self._table(statement.table)
        key = table.key_of(wanted)
        old = table.get(key)
        item = old.item() if old else None
        if item is None or any(item.get(name) != value for name, value in wanted.items()):
            return {"Error": {"Code": _NO_CONDITION}}
        new = item | dict(zip(statement.sets, parameters[:count], strict=True))
        for name in statement.removes:
            new.pop(name, None)
        try:
            self._make(table, Change(key, old, new))
        except ClientError:
            return {"Error": {"Code": "ProvisionedThroughputExceeded"}}
        return {}

    def _query_table(self, table: SimulatedTable, wanted: Any, request: Any) -> Answer:
        after = request.get("ExclusiveStartKey")
        backwards = not request.get("ScanIndexForward", True)
        start = table.key_of(after)[1] if after else None
        found = table.find(wanted, start, backwards)
        page = _Page(request.get("Limit"))
        for entry in found:
            if not page.takes(entry):
                break
        share = 1 if request.get("ConsistentRead") else 0.5
        self._service.take(self._service.reads, [(table.name, wanted.partition, page.units(share))])
        items = [entry.item() for entry in page.entries]
        if not page.is_cut:
            return {"Items": items}
        return {"Items": items, "LastEvaluatedKey": {n: items[-1][n] for n in table.keys}}

    def _query_index(self, table: SimulatedTable, wanted: Any, request: Any) -> Answer:
        start = request.get("ExclusiveStartKey")
        page = _Page(request.get("Limit"))
        after = start["position"] if start else None
        last = None
        for position, entry in table.index.find(wanted, self._service.kernel.scheduler.now):
            if after is not None and position <= after:
                continue
            if not page.takes(entry):
                break
            last = position
        name = f"{table.name}.{table.index.name}"
        self._service.take(self._service.reads, [(name, wanted.partition, page.units(0.5))])
        items = [entry.item() for entry in page.entries]
        return {"Items": items} | ({"LastEvaluatedKey": {"position": last}} if page.is_cut else {})


class _Page:
    """Items of one answer: up to a limit, and up to a megabyte."""

    def __init__(self, limit: int | None) -> None:
        self.entries: list[Entry] = []
        self.is_cut = False
        self._limit = limit
        self._bytes = 0

    def takes(self, entry: Entry) -> bool:
        """Take another item, unless the page is full."""
        full = self._limit is not None and len(self.entries) >= self._limit
        if full or (self.entries and self._bytes + entry.size > _MEGABYTE):
            self.is_cut = True
            return False
        self.entries.append(entry)
        self._bytes += entry.size
        return True

    def units(self, share: float) -> float:
        """Return the read units: DynamoDB counts the bytes of the page together."""
        return share * max(1, math.ceil(self._bytes / _READ))


def _wants_old(request: Any) -> bool:
    return bool(request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD")


def _error(code: str, **answer: Any) -> ClientError:
    response: Any = {"Error": {"Code": code}} | answer
    return ClientError(response, "Simulated")
