"""Every engine: after an erasure no byte of the customer is left in any file or table."""

from __future__ import annotations

import hashlib
import itertools
import random
from contextlib import closing

import psycopg

from paymentapp.clock import to_text
from paymentapp.config import Settings
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.payments import FINAL, Cause, Status
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange, PaymentErasure
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.postgresql import PostgreSQLStore
from paymentapp.storage.sqlite import SQLiteStore
from tests.support.erasure_world import EMAIL, NEW_EMAIL, SECRET, SHOP, ErasureWorld, stored_bytes
from tests.support.postgresql import PostgreSQLServer
from tests.support.records import a_payment, add_payment, later


def left(store: Store) -> list[bytes]:
    """Return what is found around each text that has to be gone."""
    found = stored_bytes(store)
    pieces = found.split(SECRET.encode())
    return [before[-60:] + b"..." + after[:20] for before, after in itertools.pairwise(pieces)]


def test_no_byte_of_an_erased_customer_is_left(store: Store) -> None:
    world = ErasureWorld(store)
    world.live()
    assert all(payment.status in FINAL for payment in world.payments())
    before = stored_bytes(store)
    for text in (EMAIL, NEW_EMAIL, "payee.SECRET", "nick SECRET", "vip SECRET", "meta SECRET"):
        assert text.encode() in before, text
    for text in ("why SECRET", "doubt SECRET", "note SECRET", "reject SECRET", "later SECRET"):
        assert text.encode() in before, text
    world.pay("4", name="bob", reference="of Bob")
    world.sweep()
    world.erase()
    world.passes()
    assert world.is_complete
    of_bob = world.payments("bob")
    assert {p.texts.description for p in of_bob} == {"for bob"}
    assert left(store) == []


def test_the_audit_stays(store: Store) -> None:
    world = ErasureWorld(store)
    world.live()
    before = world.payments()
    world.erase()
    world.passes()
    after = world.payments()
    for old, new in zip(before, after, strict=True):
        assert (new.key, new.money, new.status, new.batch_id) == (
            old.key,
            old.money,
            old.status,
            old.batch_id,
        )
        assert new.transaction_id == old.transaction_id
        assert [line[:3] + line[4:] for line in new.history] == [
            line[:3] + line[4:] for line in old.history
        ]
    assert {each.status for each in after} >= {Status.FAILED, Status.CANCELLED, Status.REJECTED}


def test_copies_in_the_unused_part_of_pages_are_removed(sqlite_store: SQLiteStore) -> None:
    """Rows that grow are moved to other pages, where `secure_delete` leaves copies of them."""
    chance = random.Random(7)
    payments = []
    for number in range(3000):
        name = f"c{chance.randrange(60):02}"
        texts = CallerTexts(f"SECRET{number}", "x" * chance.randrange(1, 200))
        payment = a_payment(
            customer_id=name, payment_id=to_text(later(number)), texts=texts, due_at=None
        )
        payments.append(add_payment(sqlite_store, payment))
        if chance.random() < 0.7:
            place = chance.randrange(len(payments))
            old = payments[place]
            payments[place] = old.changed(reason="y" * chance.randrange(1, 900))
            assert sqlite_store.change_payments([PaymentChange(old, payments[place])]) == [True]
    for old in payments:
        ended = old.moved(Status.CANCELLED, later(9999), Cause.REQUEST)
        sqlite_store.change_payments([PaymentChange(old, ended)])
        assert sqlite_store.erase_payments([PaymentErasure.of(ended, later(9999))]) == [True]
    assert sqlite_store.purge()
    assert left(sqlite_store) == []


def test_no_digest_of_a_reference_stays_in_the_list(dynamodb_store: DynamoDBStore) -> None:
    world = ErasureWorld(dynamodb_store)
    world.services.payments.cancel(world.pay().key, SHOP)
    digest = hashlib.sha256(b"5 SECRET").hexdigest()[:16].encode()
    assert digest in stored_bytes(dynamodb_store)
    world.erase()
    world.passes()
    assert digest not in stored_bytes(dynamodb_store)


def test_no_byte_is_left_in_the_files_of_postgresql_once_its_tables_are_rewritten(
    own_postgresql: PostgreSQLServer,
) -> None:
    """Without that the unused part of a page keeps some, even after a VACUUM."""
    store = PostgreSQLStore.of(Settings(store=own_postgresql.url))
    store.create_tables()
    world = ErasureWorld(store)
    world.live()
    assert SECRET.encode() in files_of(own_postgresql)
    world.erase()
    world.passes()
    assert SECRET.encode() in files_of(own_postgresql)
    with closing(psycopg.connect(own_postgresql.url, autocommit=True)) as owner:
        for name in ("customers", "disbursements", "operations", "events"):
            owner.execute(f"VACUUM (FULL, ANALYZE) paymentapp.{name}")
    assert SECRET.encode() not in files_of(own_postgresql)
    store.close()


def files_of(server: PostgreSQLServer) -> bytes:
    """Return the tables and indexes of all databases; not the log, which is kept for a while."""
    with closing(psycopg.connect(server.url, autocommit=True)) as connection:
        connection.execute("CHECKPOINT")
    folder = server.folder / "data" / "base"
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
