"""A customer's payment methods where the record changes meanwhile, or a provider is gone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest

from paymentapp.bootstrap import Services, build_services
from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.models.customers import Customer
from paymentapp.providers.base import Provider
from paymentapp.vault.sealing import Vault, new_key
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import WirePayees, ledger

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD_KEY = new_key()


class BusyStore(MemoryStore):
    """A customer's record changes under the hands of whoever wants to change it."""

    def __init__(self) -> None:
        super().__init__()
        self.changes_first = 0  # how many more changes somebody else makes before ours

    def change_customer(self, old: Customer, new: Customer) -> bool:
        if self.changes_first:
            self.changes_first -= 1
            assert super().change_customer(old, old.changed())
        return super().change_customer(old, new)


@pytest.fixture
def store() -> BusyStore:
    return BusyStore()


@pytest.fixture
def payees() -> WirePayees:
    return WirePayees(Vault(OLD_KEY))


@pytest.fixture
def services(store: BusyStore, payees: WirePayees) -> Services:
    """A service with one provider, and Ada, who has an account there."""
    providers = {"wire": cast(Provider, ledger("wire", payees))}
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
    with pytest.raises(StoreUnavailable, match="changing all the time"):
        services.methods.put("ada", "wire", {"account": "55554444"}, default=True)
    assert services.methods.get("ada", "wire").details["account"] == "*6789"


def test_a_record_that_never_stands_still_takes_no_correction(
    services: Services, store: BusyStore
) -> None:
    old = _ada(store).methods["wire"].destination
    store.changes_first = 1000
    with pytest.raises(StoreUnavailable, match="changing all the time"):
        services.methods.correct("ada", "wire", [old], None, "the account is closed")
    assert services.methods.get("ada", "wire").note is None


def test_a_method_whose_provider_is_gone_is_shown_without_details_and_left_as_it_is(
    services: Services, store: BusyStore
) -> None:
    gone = build_services(Settings(), store=store, providers={}, clock=lambda: NOW)
    shown = gone.methods.get("ada", "wire")
    assert (shown.payment_method, shown.details, shown.updated_at) == ("wire", {}, NOW)
    assert gone.methods.renew(_ada(store)) == 0
    assert services.methods.get("ada", "wire").details["account"] == "*6789"


def _ada(store: BusyStore) -> Customer:
    ada = store.get_customer("ada")
    assert ada is not None
    return ada
