"""Requests over SQLite, which reads, decides and accepts in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from paymentapp.errors import KeyReused, NotFound, NotPayable, StoreUnavailable
from paymentapp.models.actors import Actor
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.duplicates import PossibleDuplicate
from paymentapp.models.limits import LimitExceeded
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.models.references import ReferenceUsed
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Requested
from paymentapp.storage.accepting import Attempt
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.sqlite import SQLiteStore, sql
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import StillWorker, a_process
from tests.support.records import stamped, usd

PAYROLL = Actor("payroll", frozenset({"payroll"}), frozenset())
ORDER = PaymentOrder("ada", "ada@example.com", usd("10"), None)


class CountedStore(SQLiteStore):
    """A SQLite file, with the number of its reads and of its writer's jobs."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.create_tables()
        self.calls: list[str] = []
        connections: Any = self._connections()
        run, read = connections.writer.run, connections.read

        def counted_run(*given: Any, **named: Any) -> Any:
            self.calls.append("job")
            return run(*given, **named)

        def counted_read(*given: Any) -> Any:
            self.calls.append("read")
            return read(*given)

        connections.writer.run = counted_run
        connections.read = counted_read

    def count(self) -> int:
        (row,) = self._connections().read("SELECT count(*) FROM Disbursements")
        return int(row[0])


class World:
    """A service over SQLite, and Ada."""

    def __init__(self, store: CountedStore, **settings: Any) -> None:
        self.store = store
        self.worker = StillWorker()
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.tick = timedelta(microseconds=1)
        self.services = a_process(
            store, self.clock, LedgerProvider(), worker=self.worker, **settings
        )
        self.services.customers.register("ada", "ada@example.com", {})
        store.calls.clear()

    def clock(self) -> datetime:
        self.now += self.tick
        return self.now

    def request(self, key: str | None = None, order: PaymentOrder = ORDER) -> Requested:
        return self.services.payments.request(order, key, PAYROLL)

    def pay(self, key: str | None = None, order: PaymentOrder = ORDER) -> Payment:
        return self.request(key, order).payment

    def fail(self, payment: Payment) -> None:
        sent = payment.moved(Status.SUBMITTING, self.now, Cause.DISPATCH, due_at=None)
        failed = sent.moved(Status.FAILED, self.now, Cause.POLL, reason="no")
        assert self.store.change_payments([PaymentChange(payment, failed)]) == [True]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    store = CountedStore(tmp_path / "x.db")
    yield lambda **settings: World(store, **settings)
    store.close()


Make = Callable[..., World]


@pytest.mark.parametrize("key", [None, "k1"])
def test_a_payment_is_one_job_and_no_read(world: Make, key: str | None) -> None:
    here = world()
    payment = here.pay(key)
    assert here.store.calls == ["job"]
    assert here.worker.woken == [payment]
    assert here.store.get_payment(payment.key) == payment


@pytest.mark.parametrize(
    "settings",
    [
        {"limits": "customer USD 25/day; payment USD 60"},
        {"duplicate_hours": 1},
        {"unique_references": True},
        {"approvals": "all: 1"},
    ],
)
def test_with_its_checks_it_is_one_job_as_well(world: Make, settings: dict[str, Any]) -> None:
    here = world(**settings)
    here.pay("k1", ORDER._replace(texts=CallerTexts("r1", None, ())))
    assert here.store.calls == ["job"]


def test_a_retry_under_its_key_is_answered_with_the_payment(world: Make) -> None:
    here = world()
    first = here.request("k1")
    assert first.replayed is False
    assert here.request("k1") == Requested(first.payment, replayed=True)
    with pytest.raises(KeyReused):
        here.request("k1", ORDER._replace(money=usd("11")))
    assert (len(here.worker.woken), here.store.count()) == (1, 1)


def test_an_expired_key_is_bound_anew(world: Make) -> None:
    here = world()
    first = here.pay("k1")
    here.now += timedelta(days=36)
    second = here.request("k1")
    assert not second.replayed
    assert second.payment.key != first.key


@pytest.mark.parametrize("keys", [(None, None, None), ("k1", "k2", "k3"), (None, "k1", None)])
def test_payments_of_one_microsecond_get_ids_of_their_own(
    world: Make, keys: tuple[str | None, ...]
) -> None:
    here = world()
    here.tick = timedelta(0)
    payments = [here.pay(key) for key in keys]
    assert len({payment.key for payment in payments}) == 3
    assert here.store.count() == 3
    for key, payment in zip(keys, payments, strict=True):
        if key is not None:
            assert here.request(key) == Requested(payment, replayed=True)


@pytest.mark.parametrize(
    ("order", "refused"),
    [
        (ORDER._replace(customer_id="bob"), NotFound),
        (ORDER._replace(email="other@example.com"), NotPayable),
        (ORDER._replace(payment_method="none"), NotPayable),
        (ORDER._replace(scheduled_at=datetime(2020, 1, 1, tzinfo=UTC)), NotPayable),
    ],
)
def test_a_refused_request_leaves_nothing(
    world: Make, order: PaymentOrder, refused: type[Exception]
) -> None:
    here = world()
    with pytest.raises(refused):
        here.request("k1", order)
    assert here.pay("k1").money == usd("10")
    assert here.store.count() == 1


def test_a_limit_that_is_reached_is_told(world: Make) -> None:
    here = world(limits="customer USD 25/day")
    here.pay(), here.pay()
    with pytest.raises(LimitExceeded) as exceeded:
        here.pay("k1")
    assert exceeded.value.remaining == usd("5")
    assert here.store.count() == 2
    assert here.pay("k1", ORDER._replace(money=usd("5"))).money == usd("5")


@pytest.mark.parametrize("limits", ["customer USD 15/day ask", "payment USD 9 ask"])
def test_what_is_above_a_limit_that_asks_awaits_approval(world: Make, limits: str) -> None:
    here = world(limits=limits)
    here.pay("k1")
    assert here.pay("k2").status is Status.AWAITING_APPROVAL


def test_possible_duplicates_and_used_references_are_refused(world: Make) -> None:
    here = world(duplicate_hours=1, unique_references=True)
    order = ORDER._replace(texts=CallerTexts("r1", None, ()))
    first = here.pay("k1", order)
    with pytest.raises(PossibleDuplicate):
        here.pay("k2")
    with pytest.raises(ReferenceUsed):
        here.pay("k3", order._replace(allow_duplicate=True))
    assert here.store.count() == 1
    here.fail(first)
    assert here.pay("k2").request_id != first.request_id


def test_a_first_payment_is_looked_up_before(world: Make) -> None:
    here = world(approvals="first-payment: 1")
    assert here.pay("k1").status is Status.AWAITING_APPROVAL
    assert here.store.calls[0] == "read"


def test_where_nothing_can_be_written_a_payment_is_still_found(world: Make) -> None:
    here = world()
    first = here.pay("k1")
    here.store._connections().writer.close()
    assert here.request("k1") == Requested(first, replayed=True)
    with pytest.raises(NotFound):
        here.request("k2", ORDER._replace(customer_id="bob"))
    with pytest.raises(StoreUnavailable):
        here.request("k2")


def test_a_payment_whose_answer_was_lost_is_found_at_once(world: Make) -> None:
    """The store says that it could not write, after it has written."""
    here = world()
    writer: Any = here.store._connections().writer
    run = writer.run

    def lost(*given: Any, **named: Any) -> Any:
        run(*given, **named)
        raise StoreUnavailable("its answer was lost")

    writer.run = lost
    found = here.request("k1")
    assert (found.replayed, here.store.count()) == (True, 1)
    with pytest.raises(StoreUnavailable):
        here.request()


@pytest.mark.parametrize("key", [None, "k1"])
def test_a_payment_that_went_on_before_its_write_was_repeated_is_made_once(
    world: Make, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    """PostgreSQL's answer was lost, and the payment is sent before the write is made again."""
    here = world()
    store, accept = here.store, here.store.accept_at_once

    def repeated(*request: Any) -> Attempt:
        attempt = accept(*request)
        assert attempt.result is not None
        assert attempt.result.payment is not None
        sent = stamped(attempt.result.payment)
        assert store.change_payments([PaymentChange(attempt.result.payment, sent)]) == [True]
        return attempt._replace(result=attempt.result._replace(payment=sent))

    monkeypatch.setattr(store, "accept_at_once", repeated)
    assert here.request(key).payment.status is Status.SUBMITTING
    assert store.count() == 1


def test_the_transaction_of_a_request_uses_the_index_of_its_keys(world: Make) -> None:
    plan = (
        world()
        .store._connections()
        .read(f"EXPLAIN QUERY PLAN {sql.READ_FOR_PAYMENT}", ("ada", "key#a", "key#b"))
    )
    assert not [row for row in plan if "SCAN" in str(row[3])]
