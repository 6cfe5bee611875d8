"""PostgreSQL: requests that arrive at the same time are accepted together, and share no failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import cast

import psycopg
import pytest

from paymentapp.errors import NotPayable, StoreUnavailable
from paymentapp.models.customers import Customer
from paymentapp.models.limits import Charge, LimitReached
from paymentapp.storage.accepting import AcceptRequest, Attempt, PaymentContext
from paymentapp.storage.changes import Acceptance, AcceptResult
from paymentapp.storage.codec.operations import key_partition
from paymentapp.storage.postgresql import PostgreSQLStore, accept_groups
from paymentapp.storage.postgresql.accept_groups import AcceptanceGroups, WaitingRequest
from tests.contract.test_store_accept_many import acceptance, refused, request
from tests.contract.test_store_event_list import listed
from tests.contract.test_store_races import at_once
from tests.support.postgresql_proxy import PostgreSQLProxy
from tests.support.records import a_claim, a_customer

MANY = 8
LOCK = "INSERT INTO paymentapp.operations (pk, sk, document) VALUES (%s, 'claim', '{}')"
SECONDS = 20  # in which whatever has to happen has happened


@pytest.fixture
def store(proxied_store: PostgreSQLStore) -> PostgreSQLStore:
    return proxied_store


def accepted(store: PostgreSQLStore, wanted: AcceptRequest) -> Attempt:
    return store.accept_at_once(*wanted)


def in_one_group(store: PostgreSQLStore, wanted: Sequence[AcceptRequest]) -> list[Future[Attempt]]:
    """Have requests arrive while another one is decided, so that they wait; return what came."""
    go_on, decides = threading.Event(), threading.Event()

    def decide(_: PaymentContext) -> None:
        decides.set()
        assert go_on.wait(SECONDS)

    accept = partial(accepted, store)
    with ThreadPoolExecutor(len(wanted) + 1) as threads:
        first = threads.submit(accept, AcceptRequest("nobody", (), decide))
        assert decides.wait(SECONDS)
        found = [threads.submit(accept, each) for each in wanted]
        _await(lambda: len(store._groups()._waiting) == len(wanted))
        go_on.set()
    assert first.result() == Attempt(PaymentContext(None, {}))
    return found


def _await(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no group begin beside another one, so that a test says who is in which."""
    monkeypatch.setattr(accept_groups, "_LONG_SECONDS", 5.0)


def stored(store: PostgreSQLStore, wanted: Sequence[Acceptance]) -> list[bool]:
    found = store.get_payments([each.payment.key for each in wanted])
    return [found.get(each.payment.key) == each.payment for each in wanted]


# Who waits


def test_those_who_wait_are_accepted_by_one_read_and_one_write(
    store: PostgreSQLStore, proxy: PostgreSQLProxy
) -> None:
    customers = [store.add_customer(a_customer(customer_id=f"c{n}")) for n in range(MANY)]
    wanted = [acceptance(number) for number in range(MANY)]
    with proxy.counting() as counts:
        found = in_one_group(store, list(map(request, wanted)))
    assert counts == {"statements": 3, "round trips": 3}  # the first one is of who came before
    assert [each.result() for each in found] == [
        _made(one, customer) for one, customer in zip(wanted, customers, strict=True)
    ]
    assert stored(store, wanted) == [True] * MANY
    assert len(listed(store)) == MANY


def _made(one: Acceptance, customer: Customer | None = None) -> Attempt:
    return Attempt(PaymentContext(customer, {}), one, AcceptResult(one.payment, one.record))


def test_each_is_answered_for_itself(store: PostgreSQLStore) -> None:
    used, charge = acceptance(1), Charge("all//USD/day", "2026-03-01", Decimal(9), Decimal(5))
    store.accept(used)
    wanted = [acceptance(2), acceptance(3, charges=(charge,)), acceptance(4)]
    replayed, no, fine, above, also = in_one_group(
        store, [request(used), refused(), *map(request, wanted)]
    )
    assert used.record is not None
    records = {used.record.key_hash: used.record}
    assert replayed.result() == Attempt(PaymentContext(None, records))
    assert isinstance(no.exception(), NotPayable)
    assert isinstance(above.exception(), LimitReached)
    assert (fine.result(), also.result()) == (_made(wanted[0]), _made(wanted[2]))
    assert stored(store, wanted) == [True, False, True]


def test_of_two_with_one_key_the_second_gets_the_record_of_the_first(
    store: PostgreSQLStore,
) -> None:
    first, second = acceptance(1, "ada"), acceptance(2, "ada")
    rival = second._replace(record=a_claim(key_hash="h1", payment_id=second.payment.payment_id))
    found = in_one_group(store, [request(first), request(rival)])
    results = [each.result().result for each in found]
    assert results == [AcceptResult(*first[:2]), AcceptResult(None, first.record)]
    assert stored(store, [first, second]) == [True, False]


def test_of_two_with_one_id_the_second_gets_the_payment_of_the_first(
    store: PostgreSQLStore,
) -> None:
    first, second = acceptance(1, "ada"), acceptance(1, "ada")
    rival = second._replace(
        payment=replace(second.payment, request_id="h2"), record=a_claim(key_hash="h2")
    )
    results = [
        each.result().result for each in in_one_group(store, [request(first), request(rival)])
    ]
    assert [each and each.payment for each in results] == [first.payment, first.payment]
    assert [each and each.record for each in results] == [first.record, rival.record]


def test_of_many_threads_that_repeat_each_other_each_payment_is_stored_once(
    postgresql_store: PostgreSQLStore,
) -> None:
    def accept(number: int) -> list[bool]:
        """Accept twenty payments, each of which another thread tries to accept under its key."""
        made = []
        for n in range(20):
            own = acceptance(1000 * number + n, "ada")
            claim = a_claim(key_hash=f"{number // 2}-{n}", payment_id=own.payment.payment_id)
            result = accepted(postgresql_store, request(own._replace(record=claim))).result
            made.append(result is not None and result.payment == own.payment)
        return made

    found = at_once(accept, list(range(16)))
    pairs = [zip(found[n], found[n + 1], strict=True) for n in range(0, 16, 2)]
    assert all(sorted(pair) == [False, True] for each in pairs for pair in each)
    assert len(listed(postgresql_store)) == 160


# What fails


@pytest.mark.parametrize("kind", ["lost_answers", "lost_requests"])
def test_after_a_lost_answer_each_has_its_payment_once(
    store: PostgreSQLStore, proxy: PostgreSQLProxy, kind: str
) -> None:
    wanted = [acceptance(number) for number in range(MANY)]
    setattr(proxy, kind, 1)
    found = in_one_group(store, list(map(request, wanted)))
    assert proxy.losses == 1
    assert [each.result().result for each in found] == [each[:2] for each in wanted]
    assert stored(store, wanted) == [True] * MANY
    assert len(listed(store)) == MANY


def test_one_that_the_server_refuses_fails_alone(store: PostgreSQLStore) -> None:
    wanted = [acceptance(number) for number in range(3)]
    broken = acceptance(9)
    broken = broken._replace(payment=replace(broken.payment, due_shard=2**40))
    bad, *fine = in_one_group(store, list(map(request, [broken, *wanted])))
    assert isinstance(bad.exception(), StoreUnavailable)
    assert [each.result() for each in fine] == list(map(_made, wanted))
    assert stored(store, wanted) == [True] * 3


def test_where_the_network_is_gone_all_are_refused_and_can_be_made_later(
    store: PostgreSQLStore, proxy: PostgreSQLProxy
) -> None:
    wanted = [acceptance(number) for number in range(3)]
    proxy.lost_answers = 1000
    found = in_one_group(store, list(map(request, wanted)))
    assert [type(each.exception()) for each in found] == [StoreUnavailable] * 3
    proxy.lost_answers = 0
    assert [store.accept(each) for each in wanted] == [each[:2] for each in wanted]
    assert len(listed(store)) == 3


def test_whose_key_is_locked_holds_up_nobody_for_long(
    store: PostgreSQLStore, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept_groups, "_GROUP_SECONDS", 0.5)
    wanted = [acceptance(number) for number in range(3)]
    with closing(psycopg.connect(postgresql_url)) as other:
        other.execute(LOCK, [key_partition("h0")])
        with ThreadPoolExecutor(1) as thread:
            group = thread.submit(in_one_group, store, list(map(request, wanted)))
            _await(lambda: stored(store, wanted) == [False, True, True])
            other.rollback()
            assert [each.result() for each in group.result()] == list(map(_made, wanted))


def test_another_group_works_beside_one_that_takes_long(
    store: PostgreSQLStore, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept_groups, "_LONG_SECONDS", 0.05)
    locked, *wanted = [acceptance(number) for number in range(5)]
    with closing(psycopg.connect(postgresql_url)) as other:
        other.execute(LOCK, [key_partition("h0")])
        with ThreadPoolExecutor(1) as thread:
            first = thread.submit(accepted, store, request(locked))
            _await(lambda: bool(store._groups()._begun))
            found = at_once(partial(accepted, store), list(map(request, wanted)))
            assert found == list(map(_made, wanted))
            assert not first.done()
            other.rollback()
            assert first.result() == _made(locked)


def test_one_whose_payment_is_no_record_fails_alone(
    store: PostgreSQLStore, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = [acceptance(number) for number in range(3)]
    broken, nothing = acceptance(9), cast(str, object())
    broken = broken._replace(payment=replace(broken.payment, provider_status=nothing))
    *fine, bad = in_one_group(store, list(map(request, [*wanted, broken])))
    assert isinstance(bad.exception(), TypeError)
    assert [each.result() for each in fine] == list(map(_made, wanted))
    assert [each.levelname for each in caplog.records] == ["ERROR"]


def test_where_who_leads_is_ended_the_others_go_on_alone(
    store: PostgreSQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, contexts = [acceptance(number) for number in range(3)], store._contexts

    def end(requests: Sequence[AcceptRequest]) -> Iterator[PaymentContext]:
        if len(requests) > 1:
            raise SystemExit
        return contexts(requests)

    monkeypatch.setattr(store, "_contexts", end)
    leader, *others = in_one_group(store, list(map(request, wanted)))
    assert isinstance(leader.exception(), SystemExit)
    assert [each.result() for each in others] == [Attempt(PaymentContext(None, {}))] * 2
    assert accepted(store, request(wanted[0])) == _made(wanted[0])


# Who waits too long


def waiting(seconds: float = 0.2) -> WaitingRequest:
    job = WaitingRequest(request(acceptance(1)))
    job.deadline = time.monotonic() + seconds
    return job


def test_who_waits_too_long_is_refused_and_in_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accept_groups, "_LONG_SECONDS", 0.3)
    go_on, served = threading.Event(), []

    def serve(group: Sequence[WaitingRequest]) -> None:
        served.append(list(group))
        assert go_on.wait(SECONDS)

    groups, first, second = AcceptanceGroups(serve), waiting(SECONDS), waiting(-1)
    with ThreadPoolExecutor(1) as thread:
        leader = thread.submit(groups.run, first)
        _await(lambda: served != [])
        groups._begun[first] += SECONDS  # as if it had begun just now
        with pytest.raises(StoreUnavailable, match="busy"):
            groups.run(second)
        go_on.set()
        leader.result()
    assert served == [[first]]
    assert (groups._begun, list(groups._waiting)) == ({}, [])


def test_who_is_in_a_group_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accept_groups, "_LONG_SECONDS", 0.05)
    go_on, sizes = threading.Event(), []

    def serve(group: Sequence[WaitingRequest]) -> None:
        sizes.append(len(group))
        assert go_on.wait(SECONDS)

    groups = AcceptanceGroups(serve)
    leader, follower = waiting(SECONDS), waiting()
    groups._waiting.append(follower)  # as if it had arrived before anybody could lead
    with ThreadPoolExecutor(1) as thread:
        led = thread.submit(groups.run, leader)
        _await(lambda: sizes == [2])
        groups._begun[leader] += SECONDS
        _await(lambda: follower.is_late)
        with pytest.raises(StoreUnavailable, match="busy"):
            groups._look_again(follower)
        go_on.set()
        led.result()


def test_who_is_late_is_not_decided() -> None:
    late = waiting(-1)
    late.decide(PaymentContext(None, {}))
    assert (late.context, late.acceptance) == (None, None)


def test_who_was_let_lead_at_the_last_moment_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nobody would, and all who wait would be refused."""
    monkeypatch.setattr(accept_groups, "_LONG_SECONDS", 0.05)
    served: list[Sequence[WaitingRequest]] = []
    groups, successor = AcceptanceGroups(served.append), waiting(-1)
    with groups._lock:
        groups._waiting.append(successor)
        groups._appoint(successor)
    groups._look_again(successor)
    groups._lead(successor)
    assert served == [[successor]]
