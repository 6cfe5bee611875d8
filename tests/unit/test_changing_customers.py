"""Changes of customers: whom they redirect, and what happens at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from paymentapp.errors import ChangedSince, NotAllowed, StoreUnavailable
from paymentapp.models.actors import PAYEES, Actor, operator
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer, CustomerQuery
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.base import Refused
from paymentapp.services.customers import CustomerPatch
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.failing_store import FailingStore
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import WirePayees, ledger
from tests.support.processes import a_process
from tests.support.records import a_customer

OLD, NEW = "ada@example.com", "ada@new.example"
DESK = operator("Grace")
NEW_EMAIL = CustomerPatch(email=NEW)


@dataclass
class World:
    """A service with a method that pays by e-mail and one that needs an account, and Ada."""

    store: MemoryStore = field(default_factory=MemoryStore)
    hold_hours: int = 0
    routes: str = ""
    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    mail: LedgerProvider = field(default_factory=lambda: ledger("mail"))
    wire: LedgerProvider = field(default_factory=lambda: ledger("wire", WirePayees()))

    def __post_init__(self) -> None:
        self.services = a_process(
            self.store,
            self.clock,
            self.mail,
            self.wire,
            routes=self.routes,
            payee_change_hold_hours=self.hold_hours,
            due_shards=1,
        )
        self.customers = self.services.customers
        self.customers.register("ada", OLD, {"country": "DE"})
        self.now += timedelta(days=365)

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def change(self, patch: CustomerPatch, tag: str | None = None) -> Customer:
        return self.customers.change("ada", patch, tag, DESK)

    def pay(self, email: str = OLD, method: str | None = "mail") -> Payment:
        order = PaymentOrder("ada", email, Money(Decimal(5), "USD"), method)
        return self.services.payments.request(order).payment

    def sweep(self) -> list[str]:
        """Sweep for two minutes; return the addresses that were paid by e-mail."""
        for _ in range(3):
            self.now += timedelta(seconds=40)
            self.services.sweeper.run()
        return [member.email for member in self.mail.paid()]

    def lines(self) -> list[str]:
        return [line.action for line in self.store.customer_history("ada", 99)]


# Whom a change redirects


def test_a_payment_that_was_accepted_before_goes_to_the_earlier_address() -> None:
    world = World()
    world.pay()
    world.change(NEW_EMAIL)
    assert world.sweep() == [OLD]
    world.pay(NEW)
    assert world.sweep() == [OLD, NEW]


def test_a_payment_that_takes_another_route_goes_to_the_address_that_it_was_accepted_with() -> None:
    world = World(routes="wire; mail")
    world.services.methods.put("ada", "wire", {"account": "123456789"}, default=False)
    world.wire.refuse = lambda _: Refused("NO_WAY", {0: "NO_WAY"})
    payment = world.pay(method=None)
    world.change(NEW_EMAIL)
    assert world.sweep() == [OLD]
    assert world.services.payments.get(payment.key).payment_method == "mail"


def test_a_retry_goes_to_the_new_address() -> None:
    world = World()
    world.mail.status[OLD] = Status.FAILED
    payment = world.pay()
    assert world.sweep() == [OLD]
    world.change(NEW_EMAIL)
    world.services.retries.retry(payment.key, by=DESK)
    assert world.sweep() == [OLD, NEW]


def test_hours_of_a_change_count_for_the_address_and_not_for_other_details() -> None:
    world = World(hold_hours=24)
    world.services.methods.put("ada", "wire", {"account": "123456789"}, default=False)
    world.now += timedelta(days=2)
    changed = world.change(NEW_EMAIL)
    assert changed.email_changed_at is not None
    assert world.pay(NEW).due_at == changed.email_changed_at + timedelta(hours=24)
    assert world.pay(NEW, "wire").history[0].reference == ""


def test_an_address_that_is_set_back_is_a_change_like_any_other() -> None:
    world = World(hold_hours=24)
    world.change(NEW_EMAIL)
    world.now += timedelta(hours=23)
    back = world.change(CustomerPatch(email=OLD))
    assert back.email_changed_at is not None
    assert world.pay().due_at == back.email_changed_at + timedelta(hours=24)


def test_attributes_hold_nothing() -> None:
    world = World(hold_hours=24)
    world.change(CustomerPatch(attributes={"country": "FR"}))
    assert world.pay().history[0].reference == ""


def test_deleted_details_lead_to_the_new_address_within_its_hours() -> None:
    world = World(hold_hours=24)
    world.services.methods.put("ada", "wire", {"account": "123456789"}, default=True)
    world.change(NEW_EMAIL)
    world.services.methods.delete("ada", "wire")
    assert world.pay(NEW).history[0].reference.startswith("details have changed; held until ")


# Who may, and which version


def test_who_may_not_redirect_money_changes_neither_address_nor_attributes() -> None:
    world = World()
    desk = Actor("desk", frozenset({"desk"}), frozenset({"customers:write"}))
    both = CustomerPatch(NEW, {"country": "FR"})
    with pytest.raises(NotAllowed, match=PAYEES):
        world.customers.change("ada", both, by=desk)
    assert world.customers.get("ada").attributes == {"country": "DE"}
    assert world.customers.change("ada", CustomerPatch(attributes={"country": "FR"}), by=desk)


def test_a_version_that_is_not_stored_any_more_is_refused() -> None:
    world = World()
    tag = world.customers.get("ada").version_tag
    world.change(CustomerPatch(attributes={"country": "FR"}), tag)
    with pytest.raises(ChangedSince):
        world.change(NEW_EMAIL, tag)
    assert world.lines() == ["attributes_changed", "registered"]


def test_what_is_stored_already_adds_no_line() -> None:
    world = World()
    world.change(CustomerPatch(OLD, {"country": "DE", "unknown": None}), "an old version")
    assert world.lines() == ["registered"]


@pytest.mark.parametrize(
    ("old", "new"), [(True, Decimal(1)), (Decimal(1), True), (None, "None"), (Decimal(1), "1")]
)
def test_values_that_only_look_alike_are_changes(
    old: bool | Decimal | None, new: bool | Decimal | str
) -> None:
    before = a_customer(attributes={"a": old})
    after = CustomerPatch(attributes={"a": new}).applied(before, before.created_at)
    assert repr(after.attributes["a"]) == repr(new)
    assert after.version_tag != before.version_tag


def test_one_number_in_two_forms_is_one_version() -> None:
    forms: list[Decimal | int] = [Decimal("1.50"), Decimal("1.5")]
    assert len({a_customer(attributes={"a": each}).version_tag for each in forms}) == 1
    assert len({a_customer(attributes={"a": each}).version_tag for each in (7, Decimal(7))}) == 1


def test_an_attribute_that_was_registered_as_null_stays_until_it_is_named() -> None:
    before = a_customer(attributes={"a": None, "b": None})
    after = CustomerPatch(attributes={"b": None, "c": "x"}).applied(before, before.created_at)
    assert after.attributes == {"a": None, "c": "x"}


# At the same time, and when the store fails


def test_changes_at_the_same_time_are_all_made_and_all_told() -> None:
    world = World()

    def set_one(number: int) -> Customer:
        return world.change(CustomerPatch(attributes={f"a{number}": str(number)}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(set_one, range(8)))
    assert len(world.customers.get("ada").attributes) == 9
    assert world.lines() == ["attributes_changed"] * 8 + ["registered"]


def test_of_two_changes_of_one_version_one_is_made() -> None:
    world = World()
    tag = world.customers.get("ada").version_tag

    def set_one(number: int) -> bool:
        try:
            world.change(CustomerPatch(email=f"ada{number}@example.com"), tag)
        except ChangedSince:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(set_one, range(8))) == 1
    assert world.lines() == ["email_changed", "registered"]


def test_a_change_of_a_payment_method_in_between_is_kept() -> None:
    class Busy(MemoryStore):
        """A store in which somebody sets details just before the first change of Ada."""

        def change_customer(
            self, old: Customer, new: Customer, history: Sequence[CustomerHistoryEntry] = ()
        ) -> bool:
            if "change_customer" not in self.calls:
                self._called("change_customer")
                world.services.methods.put("ada", "wire", {"account": "123456789"}, None)
            return super().change_customer(old, new, history)

    world = World(Busy())
    changed = world.change(NEW_EMAIL, world.customers.get("ada").version_tag)
    assert (changed.email, set(changed.methods)) == (NEW, {"wire"})
    assert world.lines() == ["email_changed", "method_put", "registered"]


def test_a_change_that_failed_has_changed_nothing() -> None:
    store = FailingStore()
    world = World(store)
    store.planned["change_customer"] = StoreUnavailable("down")
    tag = world.customers.get("ada").version_tag
    with pytest.raises(StoreUnavailable):
        world.change(NEW_EMAIL, tag)
    assert (world.customers.get("ada").email, world.lines()) == (OLD, ["registered"])
    assert world.change(NEW_EMAIL, tag).email == NEW


def test_a_change_whose_answer_was_lost_is_repeated_without_a_second_line() -> None:
    class Losing(MemoryStore):
        """A store that makes each change, and does not say so."""

        def change_customer(
            self, old: Customer, new: Customer, history: Sequence[CustomerHistoryEntry] = ()
        ) -> bool:
            super().change_customer(old, new, history)
            raise StoreUnavailable("no answer")

    world = World(Losing())
    tag = world.customers.get("ada").version_tag
    with pytest.raises(StoreUnavailable):
        world.change(NEW_EMAIL, tag)
    assert world.change(NEW_EMAIL, tag).email == NEW
    assert world.lines() == ["email_changed", "registered"]


def test_every_customer_is_listed_over_many_pages() -> None:
    world = World()
    for number in range(250):
        world.customers.register(f"c{number}", "family@example.com", {})
    assert len({each.customer_id for each in world.customers.every()}) == 251
    assert len(list(world.customers.every("family@example.com"))) == 250
    assert len(world.customers.list(CustomerQuery(100)).customers) == 100
