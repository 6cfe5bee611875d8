"""Fill a SQLite store with settled payments: rows as the store writes them, without its commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from paymentapp.clock import to_text, utc_now
from paymentapp.models.actors import Actor
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.customers import Customer
from paymentapp.models.events import KEPT
from paymentapp.models.idempotency import KEY_RETENTION, IdempotencyRecord
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.codec.customers import customer_record
from paymentapp.storage.codec.events import microseconds_of
from paymentapp.storage.codec.operations import idempotency_record, key_partition
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.disbursements import insert_payment
from paymentapp.storage.sqlite.events import rows_of
from paymentapp.storage.sqlite.json_documents import to_json
from paymentapp.storage.sqlite.statements import insert_record
from tests.support.records import a_payment, usd

SPAN = timedelta(days=30)  # less than keys and events are kept: none has expired
CLIENTS = 50
BATCH = 500
CHUNK = 20_000  # payments of a transaction
CACHE_KIB = 2 * 2**20  # of pages, while filling

Progress = Callable[[int], object]


@dataclass(frozen=True)
class History:
    """Payments over the last SPAN, evenly, each customer's in turn; the numbers name them."""

    count: int
    customers: int
    end: datetime

    @classmethod
    def of(cls, count: int, customers: int) -> History:
        return cls(count, customers, utc_now())

    def at(self, number: int) -> datetime:
        return self.end - SPAN + SPAN / self.count * number

    def customer(self, number: int) -> str:
        return f"c{number % self.customers}"

    def newest_of_first(self, limit: int) -> range:
        """Return the numbers of the newest payments of the first customer."""
        return range(0, self.count, self.customers)[-limit:]


def reference(number: int) -> str:
    """Return the caller's reference of a payment."""
    return f"invoice {number}"


def item_id(number: int) -> str:
    """Return the provider's id of a payment: in no order, as PayPal's are."""
    return _digest(f"item {number}")[:14].upper()


def client(number: int) -> Actor:
    """Return who requested a payment."""
    name = f"client{number % CLIENTS}"
    return Actor(name, frozenset({name}), frozenset())


def email(customer_id: str) -> str:
    """Return the address of a customer."""
    return f"{customer_id}@example.com"


def fill(path: Path, history: History, numbers: Sequence[int], progress: Progress) -> None:
    """Insert the customers of a history, and some of its payments, into an empty store.

    Nobody else may have the file open. A file whose filling was interrupted is of no use: there is
    no journal meanwhile. The indexes are there from the start, so that their pages are as full as
    those of a store that has grown.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        with connection:
            connection.execute("BEGIN")
            connection.executemany(sql.ADD_CUSTOMER, _customers(history))
        for start in range(0, len(numbers), CHUNK):
            chunk = numbers[start : start + CHUNK]
            _insert(connection, history, chunk)
            progress(start + len(chunk))
        connection.execute("PRAGMA journal_mode = WAL")


def _insert(connection: sqlite3.Connection, history: History, numbers: Sequence[int]) -> None:
    texts = [own_texts(history, number) for number in numbers]
    with connection:
        connection.execute("BEGIN")
        for template in _TEMPLATES:
            connection.executemany(template.statement, template.rows(texts))


def _customers(history: History) -> Iterator[tuple[str, str]]:
    created_at = history.end - SPAN
    for number in range(history.customers):
        customer_id = history.customer(number)
        customer = Customer(customer_id, email(customer_id), created_at)
        yield customer_id, to_json(customer_record(customer))


class _Template(NamedTuple):
    """A statement, and its values with names for what differs from payment to payment."""

    statement: str
    values: tuple[Any, ...]

    @classmethod
    def of(cls, statement: str, values: Sequence[Any]) -> _Template:
        return cls(statement, tuple(map(_marked, values)))

    def rows(self, texts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
        for own in texts:
            yield tuple(
                value.get(own) if isinstance(value, _Number) else value and value % own
                for value in self.values
            )


class _Number(NamedTuple):
    """The name of a value that is a number."""

    name: str

    def get(self, own: Mapping[str, Any]) -> int:
        number: int = own[self.name]
        return number


def _marked(value: str | int | None) -> str | _Number | None:
    """Return a value with names in place of the marks in it."""
    if isinstance(value, int):
        return _Number(MARKS[str(value)])
    for mark, name in MARKS.items():
        value = value and value.replace(mark, f"%({name})s")
    return value


def own_texts(history: History, number: int) -> dict[str, Any]:
    """Return what a payment has in place of each mark."""
    at, key = history.at(number), _digest(f"key {number}")
    return {
        "at": to_text(at),
        "event_until": to_text(at + KEPT),
        "key_until": to_text((at + KEY_RETENTION).replace(microsecond=0)),
        "microseconds": microseconds_of(at),
        "expires_at": int((at + KEY_RETENTION).timestamp()),
        "customer": history.customer(number),
        "client": client(number).name,
        "reference": reference(number),
        "amount": f"{number % 1000 + 1}.25",
        "batch": f"b{number // BATCH}",
        "item": item_id(number),
        "transaction": item_id(-number - 1),
        "key": key,
        "request": key[:32],
        "revision": key[-12:],
        "fingerprint": key[16:48],
    }


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


FILLED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_KEY, REVISION = "K" * 64, "V" * 12
_MONEY: Money = usd("987654.32")
ACCEPTED: Payment = a_payment(
    customer_id="CUSTOMER",
    payment_id=to_text(FILLED_AT),
    email=email("CUSTOMER"),
    history=(Transition(FILLED_AT, Status.PENDING, Cause.REQUEST, by="CLIENT"),),
    request_id=_KEY[:32],
    revision=REVISION,
    texts=CallerTexts("REFERENCE"),
    money=_MONEY,
    due_at=None,
)
SETTLED = ACCEPTED.moved(
    Status.SUBMITTING, FILLED_AT, Cause.DISPATCH, "BATCH", batch_id="BATCH"
).moved(
    Status.SUCCEEDED, FILLED_AT, Cause.POLL, "ITEM", provider_item_id="ITEM", transaction_id="TXN"
)
RECORD = IdempotencyRecord(
    key_hash=_KEY,
    fingerprint="F" * 32,
    customer_id="CUSTOMER",
    payment_id=to_text(FILLED_AT),
    expires_at=FILLED_AT + KEY_RETENTION,
    revision=REVISION,
    names_method=True,
)
MARKS = {
    to_text(FILLED_AT): "at",
    to_text(FILLED_AT + KEY_RETENTION): "key_until",
    str(microseconds_of(FILLED_AT)): "microseconds",
    str(int((FILLED_AT + KEY_RETENTION).timestamp())): "expires_at",
    "CUSTOMER": "customer",
    "CLIENT": "client",
    "REFERENCE": "reference",
    "987654.32": "amount",
    "BATCH": "batch",
    "ITEM": "item",
    "TXN": "transaction",
    _KEY: "key",
    _KEY[:32]: "request",
    REVISION: "revision",
    "F" * 32: "fingerprint",
}
_BOUND = insert_record(key_partition(_KEY), "claim", idempotency_record(RECORD))
_ADDED = insert_payment(replace(SETTLED, revision=REVISION))
_TEMPLATES = (
    _Template.of(_BOUND.add, _BOUND.values),
    _Template.of(_ADDED.add, _ADDED.values),
    *(_Template.of(sql.ADD_EVENT, row) for row in rows_of(Acceptance(ACCEPTED, RECORD).events)),
)
