"""Idempotency keys belong to clients; records of earlier versions still answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from paymentapp.errors import KeyReused
from paymentapp.models.actors import SYSTEM, Actor
from paymentapp.models.idempotency import KEY_RETENTION, key_hashes
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Requested
from tests.support.records import usd
from tests.unit.test_idempotency_keys import ORDER, World, crash_after_the_claim

PAYROLL = Actor("payroll", frozenset({"payroll"}), frozenset(), "key-1")
SECOND_KEY = replace(PAYROLL, key_id="key-2")
TILL = Actor("till", frozenset({"till"}), frozenset())
OTHER_BODY = ORDER._replace(money=usd("99"))


@dataclass
class TwoClients(World):
    """A service, and a client that requests by the key `k1`."""

    def ask(self, by: Actor, order: PaymentOrder = ORDER) -> Requested:
        return self.services.payments.request(order, "k1", by)

    def as_of_earlier_version(self) -> None:
        """Have the key's record, and its payment if there is one, of the hash of the key alone."""
        claim = replace(self.store.claim, key_hash=key_hashes("k1", "")[1])
        self.store.claim = claim
        for key, payment in self.store._payments.items():
            self.store._payments[key] = replace(payment, request_id=claim.request_id)


@pytest.fixture
def world() -> TwoClients:
    return TwoClients()


@pytest.mark.parametrize("order", [ORDER, OTHER_BODY])
def test_another_clients_same_key_is_another_key(world: TwoClients, order: PaymentOrder) -> None:
    first, second = world.ask(PAYROLL), world.ask(TILL, order)
    assert not second.replayed
    assert first.payment.key != second.payment.key
    assert world.ask(PAYROLL) == Requested(first.payment, replayed=True)
    assert world.ask(TILL, order) == Requested(second.payment, replayed=True)


def test_a_client_finds_its_payment_with_either_of_its_keys(world: TwoClients) -> None:
    first = world.ask(PAYROLL)
    assert world.ask(SECOND_KEY) == Requested(first.payment, replayed=True)
    with pytest.raises(KeyReused):
        world.ask(SECOND_KEY, OTHER_BODY)


def test_no_two_clients_and_keys_have_one_hash() -> None:
    """A key holds no line break; a client's name may."""
    pairs = [("k1", "a"), ("ak1", ""), ("1", "ak"), ("k1", ""), ("k1", "a\nb"), ("b", "a\n")]
    hashes = [key_hashes(key, client) for key, client in pairs]
    own, unscoped = {own for own, _ in hashes}, {unscoped for _, unscoped in hashes}
    assert (len(own), len(unscoped), own & unscoped) == (6, 4, set())


# Records of earlier versions


@pytest.mark.parametrize("maker", [PAYROLL, SYSTEM])
def test_a_record_of_an_earlier_version_answers_its_own_caller(
    world: TwoClients, maker: Actor
) -> None:
    """SYSTEM leaves no name, as versions up to 0.2 did."""
    world.ask(maker)
    world.as_of_earlier_version()
    assert world.ask(PAYROLL) == Requested(world.store.payments()[0], replayed=True)
    with pytest.raises(KeyReused):
        world.ask(PAYROLL, OTHER_BODY)
    assert len(world.store.payments()) == 1


def test_a_record_of_an_earlier_version_does_not_answer_another_client(world: TwoClients) -> None:
    world.ask(PAYROLL)
    world.as_of_earlier_version()
    second = world.ask(TILL)
    first, _ = world.store.payments()
    assert second.payment.key != first.key
    assert world.ask(TILL) == Requested(second.payment, replayed=True)
    assert world.ask(PAYROLL) == Requested(first, replayed=True)


def test_a_crash_of_an_earlier_version_is_completed_by_the_retry(world: TwoClients) -> None:
    crash_after_the_claim(world)
    world.as_of_earlier_version()
    claim = world.store.claim
    requested = world.ask(PAYROLL)
    assert requested.payment.payment_id == claim.payment_id
    assert world.ask(PAYROLL) == Requested(requested.payment, replayed=True)
    assert world.store.claim == claim


def test_an_expired_record_of_an_earlier_version_makes_way_for_the_clients_own(
    world: TwoClients,
) -> None:
    world.ask(PAYROLL)
    world.as_of_earlier_version()
    world.now += KEY_RETENTION
    second = world.ask(PAYROLL, OTHER_BODY)
    assert not second.replayed
    assert world.ask(PAYROLL, OTHER_BODY) == Requested(second.payment, replayed=True)


def test_both_hashes_are_read_in_one_request(world: TwoClients) -> None:
    world.ask(PAYROLL)
    world.as_of_earlier_version()
    world.store.calls.clear()
    world.ask(PAYROLL)
    assert world.store.calls == ["read_for_payment", "get_payment"]
