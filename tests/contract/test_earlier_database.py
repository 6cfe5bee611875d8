"""A database of an earlier version opens or is copied to PostgreSQL, and its work is resumed."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from paymentapp.clock import utc_now
from paymentapp.config import Settings
from paymentapp.models.actors import operator
from paymentapp.models.batches import Member
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.services.backoffice.copying import StoreCopy
from paymentapp.storage import open_store
from paymentapp.storage.base import PageQuery, Store
from paymentapp.storage.copying import CopyableStore
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import a_process

KEPT = Path(__file__).parents[1] / "data" / "first_version.db"
AT_REST = {"succeeded", "failed", "returned", "cancelled"}
UNFINISHED = ("pending", "prepared", "frozen")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    path = tmp_path / "kept.db"
    shutil.copyfile(KEPT, path)
    store = open_store(Settings(store=f"sqlite:///{path}"))
    store.create_tables()
    if request.param == "sqlite":
        return store
    target: CopyableStore = request.getfixturevalue("postgresql_store")
    copy = StoreCopy(store, target, utc_now, lambda _: None, lambda _: None)
    assert copy.finish(operator("Grace")).differences == []
    for hold in target.list_holds():
        assert target.release_hold(hold, hold.released(utc_now(), "Grace"))
    return target


def only(store: Store, customer: str) -> Payment:
    (payment,) = store.list_payments(customer, PageQuery(limit=10)).payments
    return payment


def test_its_records_are_read(store: Store) -> None:
    for name in AT_REST | {"submitted", "unclaimed"}:
        payment = only(store, name)
        assert payment.status.value == name
        assert str(payment.money) == "12.5 USD"
        assert payment.history[0].status is Status.PENDING
    customer = store.get_customer("succeeded")
    assert customer is not None
    assert customer.attributes["tier"] == "gold"
    assert [key.name for key in store.list_api_keys()] == ["kept"]


def test_what_was_on_its_way_is_carried_on(store: Store) -> None:
    provider = LedgerProvider()
    for name in ("submitted", "unclaimed"):  # with the provider already
        payment = only(store, name)
        member = Member(payment.customer_id, payment.payment_id, payment.money, payment.email)
        provider.batches[payment.batch_id or ""] = [member]
    written_at = only(store, "pending").created_at
    for minute in range(1, 60):  # of the time at which it was kept: a batch is not sent for ever
        now = written_at + timedelta(minutes=minute)
        a_process(store, lambda now=now: now, provider).sweeper.run()  # type: ignore[misc]
    for name in (*UNFINISHED, "submitted"):
        assert only(store, name).status is Status.SUCCEEDED
    paid = [member.email for member in provider.paid()]
    assert sorted(paid) == sorted(
        f"{name}@example.com"
        for name in ("frozen", "pending", "prepared", "submitted", "unclaimed")
    )
    assert isinstance(only(store, "pending").money, Money)
