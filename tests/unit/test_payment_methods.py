"""Payment methods whose record changes concurrently, or whose provider is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import cast

import pytest

from paymentapp.bootstrap import Services, build_services
from paymentapp.config import Settings
from paymentapp.errors import NotFound, NotPayable, StoreUnavailable
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer, PaymentMethod
from paymentapp.providers.base import Provider
from paymentapp.vault.sealing import Vault, new_key
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import WirePayees, ledger

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD_KEY = new_key()


class BusyStore(MemoryStore):
    """A store in which another writer changes the customer before each of our writes."""

    def __init__(self) -> None:
        super().__init__()
        self.changes_first = 0  # how many more changes somebody else makes before ours
        self.before_change: Callable[[], object] = lambda: None

    def change_customer(
        self, old: Customer, new: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> bool:
        first, self.before_change = self.before_change, lambda: None
        first()
        if self.changes_first:
            self.changes_first -= 1
            assert super().change_customer(old, old.changed())
        return super().change_customer(old, new, history)


@pytest.fixture
def store() -> BusyStore:
    return BusyStore()


@pytest.fixture
def payees() -> WirePayees:
    return WirePayees(Vault(OLD_KEY))


@pytest.fixture
def services(store: BusyStore, payees: WirePayees) -> Services:
    """Build a service with three providers, and a customer who has an account at the first."""
    providers = {
        "wire": cast(Provider, ledger("wire", payees)),
        "mail": cast(Provider, ledger("mail", payees)),
        "plain": cast(Provider, ledger("plain")),
    }
    made = build_services(Settings(), store=store, providers=providers, clock=lambda: NOW)
    made.customers.register("ada", "ada@example.com", {})
    made.methods.put("ada", "wire", {"account": "123456789"}, default=False)
    return made


def test_a_method_is_put_though_the_record_changes_meanwhile(
    services: Services, store: BusyStore
) -> None:
    store.changes_first = 2
    services.methods.put("ada", "wire", {"account": "55554444"}, default=True)
    assert services.methods.get("ada", "wire").details["account"] == "*4444"


def test_details_are_sealed_again_though_the_record_changes_meanwhile(
    services: Services, store: BusyStore, payees: WirePayees
) -> None:
    payees.vault = Vault(f"{new_key()},{OLD_KEY}")
    store.changes_first = 2
    assert services.methods.renew(_ada(store)) == 1
    assert services.methods.get("ada", "wire").details["account"] == "*6789"


def test_a_record_that_never_stands_still_takes_no_new_method(
    services: Services, store: BusyStore
) -> None:
    store.changes_first = 1000
    with pytest.raises(StoreUnavailable, match="keeps changing"):
        services.methods.put("ada", "wire", {"account": "55554444"}, default=True)
    assert services.methods.get("ada", "wire").details["account"] == "*6789"


def test_a_record_that_never_stands_still_takes_no_correction(
    services: Services, store: BusyStore
) -> None:
    old = _ada(store).methods["wire"].destination
    store.changes_first = 1000
    with pytest.raises(StoreUnavailable, match="keeps changing"):
        services.methods.correct("ada", "wire", [old], None, "the account is closed")
    assert services.methods.get("ada", "wire").note is None


def test_a_change_that_lost_its_race_is_made_to_the_newer_record(
    services: Services, store: BusyStore
) -> None:
    """Whoever hears that a change is done finds it in the record, and nobody else's change lost."""
    store.before_change = lambda: services.methods.put(
        "ada", "mail", {"account": "77778888"}, default=True
    )
    view, new = services.methods.put("ada", "wire", {"account": "55554444"}, default=None)
    assert (view.details["account"], new) == ("*4444", False)
    assert stored_account(services, "wire") == "*4444"
    assert stored_account(services, "mail") == "*8888"
    assert _ada(store).default_method == "mail"


def test_a_deletion_that_lost_its_race_is_made_to_the_newer_record(
    services: Services, store: BusyStore
) -> None:
    store.before_change = lambda: services.methods.put(
        "ada", "mail", {"account": "77778888"}, default=None
    )
    services.methods.delete("ada", "wire")
    assert list(_ada(store).methods) == ["mail"]


def test_a_method_that_another_request_deletes_first_is_put_as_a_new_one(
    services: Services, store: BusyStore
) -> None:
    store.before_change = lambda: services.methods.delete("ada", "wire")
    _, new = services.methods.put("ada", "wire", {"account": "55554444"}, default=None)
    assert new
    assert stored_account(services, "wire") == "*4444"


def test_a_customer_is_looked_for_before_the_details_are_checked(services: Services) -> None:
    with pytest.raises(NotFound):
        services.methods.put("eve", "wire", {"account": "x"}, default=None)
    with pytest.raises(NotPayable):
        services.methods.put("ada", "wire", {"account": "x"}, default=None)


def test_only_methods_that_take_details_are_named(services: Services) -> None:
    with pytest.raises(NotFound, match=r"available: mail, wire\.$"):
        services.methods.put("ada", "cash", {"account": "55554444"}, default=None)
    with pytest.raises(NotFound, match=r"available: mail, wire\.$"):
        services.methods.put("ada", "plain", {"account": "55554444"}, default=None)


@pytest.mark.parametrize(
    ("default", "before", "after"),
    [
        (None, None, None),
        (None, "wire", "wire"),
        (None, "mail", "mail"),
        (True, None, "wire"),
        (True, "mail", "wire"),
        (False, None, None),
        (False, "wire", None),
        (False, "mail", "mail"),
    ],
)
def test_a_default_changes_only_as_it_is_asked_to(
    services: Services,
    store: BusyStore,
    default: bool | None,
    before: str | None,
    after: str | None,
) -> None:
    assert store.change_customer(_ada(store), _ada(store).changed(default_method=before))
    services.methods.put("ada", "wire", {"account": "55554444"}, default=default)
    assert _ada(store).default_method == after


@pytest.mark.parametrize(("before", "after"), [("wire", None), ("mail", "mail"), (None, None)])
def test_a_deleted_method_is_no_default(
    services: Services, store: BusyStore, before: str | None, after: str | None
) -> None:
    assert store.change_customer(_ada(store), _ada(store).changed(default_method=before))
    services.methods.delete("ada", "wire")
    assert _ada(store).default_method == after


# What providers correct


def test_a_correction_replaces_the_details_that_it_is_about(
    services: Services, store: BusyStore, payees: WirePayees
) -> None:
    old = _ada(store).methods["wire"].destination
    new = payees.destination("ada", {"account": "55554444"})
    assert services.methods.correct("ada", "wire", [old], new, "C01")
    assert stored_account(services, "wire") == "*4444"
    assert services.methods.get("ada", "wire").note == "C01"
    assert services.methods.correct("ada", "wire", [old], new, "C01, again")
    assert _ada(store).methods["wire"].destination == new


def test_a_note_leaves_the_details(services: Services, store: BusyStore) -> None:
    old = _ada(store).methods["wire"].destination
    assert services.methods.correct("ada", "wire", [old], None, "the account is closed")
    assert _ada(store).methods["wire"].destination == old
    assert services.methods.get("ada", "wire").note == "the account is closed"


def test_a_correction_of_other_details_changes_nothing(
    services: Services, payees: WirePayees
) -> None:
    other = payees.destination("ada", {"account": "1111"})
    for new in (None, payees.destination("ada", {"account": "55554444"})):
        assert not services.methods.correct("ada", "wire", [other], new, "C01")
    assert stored_account(services, "wire") == "*6789"
    assert services.methods.get("ada", "wire").note is None


def test_a_correction_that_finds_newer_details_leaves_them(
    services: Services, store: BusyStore, payees: WirePayees
) -> None:
    old = _ada(store).methods["wire"].destination
    new = payees.destination("ada", {"account": "55554444"})
    store.before_change = lambda: services.methods.put(
        "ada", "wire", {"account": "77778888"}, default=None
    )
    assert not services.methods.correct("ada", "wire", [old], new, "C01")
    assert stored_account(services, "wire") == "*8888"


def test_a_correction_of_what_is_not_there_writes_nothing(
    services: Services, store: BusyStore
) -> None:
    store.calls.clear()
    assert not services.methods.correct("ada", "mail", [None], "x", "C01")
    assert not services.methods.correct("eve", "wire", [None], "x", "C01")
    assert "change_customer" not in store.calls


# Sealing again


def test_newer_details_are_not_sealed_over(
    services: Services, store: BusyStore, payees: WirePayees
) -> None:
    stale = _ada(store)
    payees.vault = Vault(f"{new_key()},{OLD_KEY}")
    store.before_change = lambda: services.methods.put(
        "ada", "wire", {"account": "77778888"}, default=None
    )
    assert services.methods.renew(stale) == 0
    assert stored_account(services, "wire") == "*8888"


def test_what_is_sealed_by_todays_key_is_left(services: Services, store: BusyStore) -> None:
    before = _ada(store)
    assert services.methods.renew(before) == 0
    assert _ada(store) == before


def test_a_method_without_payees_has_nothing_to_seal_or_to_show(
    services: Services, store: BusyStore
) -> None:
    known = PaymentMethod("ada@example.com", NOW)
    assert store.change_customer(_ada(store), _ada(store).changed(methods={"plain": known}))
    assert services.methods.renew(_ada(store)) == 0
    assert services.methods.get("ada", "plain").details == {}


def test_a_method_whose_provider_is_gone_is_shown_without_details_and_left_as_it_is(
    services: Services, store: BusyStore
) -> None:
    gone = build_services(Settings(), store=store, providers={}, clock=lambda: NOW)
    shown = gone.methods.get("ada", "wire")
    assert (shown.payment_method, shown.details, shown.updated_at) == ("wire", {}, NOW)
    assert gone.methods.renew(_ada(store)) == 0
    assert services.methods.get("ada", "wire").details["account"] == "*6789"


def stored_account(services: Services, method: str) -> str:
    return services.methods.get("ada", method).details["account"]


def _ada(store: BusyStore) -> Customer:
    ada = store.get_customer("ada")
    assert ada is not None
    return ada
