"""Which lines each change adds to a customer's history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from paymentapp.bootstrap import Services, build_services
from paymentapp.config import Settings
from paymentapp.errors import NotFound, StoreUnavailable
from paymentapp.models.actors import operator
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import PaymentMethod
from paymentapp.models.payments import Cause
from paymentapp.providers.base import Provider
from paymentapp.vault.sealing import Vault, new_key
from tests.support.failing_store import FailingStore
from tests.support.payment_methods import WirePayees, ledger
from tests.support.records import a_customer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD_KEY = new_key()
DESK = operator("Ada L.")


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


@pytest.fixture
def payees() -> WirePayees:
    return WirePayees(Vault(OLD_KEY))


@pytest.fixture
def services(store: FailingStore, payees: WirePayees) -> Services:
    """Return a service with a customer who has an account."""
    providers = {"wire": cast(Provider, ledger("wire", payees))}
    made = build_services(Settings(), store=store, providers=providers, clock=lambda: NOW)
    made.customers.register("ada", "ada@example.com", {}, DESK)
    made.methods.put("ada", "wire", {"account": "123456789"}, default=False, by=DESK)
    return made


def destination(services: Services) -> str:
    return services.customers.get("ada").methods["wire"].destination


def last(services: Services) -> CustomerHistoryEntry:
    (line,) = services.store.customer_history("ada", 1)
    return line


def count(services: Services) -> int:
    return len(services.store.customer_history("ada", 1000))


def sealed(services: Services, account: str) -> str:
    payees = services.providers["wire"].payees
    assert payees is not None
    return payees.destination("ada", {"account": account})


def test_a_correction_names_what_the_provider_said_and_no_client(services: Services) -> None:
    new = sealed(services, "55554444")
    assert services.methods.correct("ada", "wire", [destination(services)], new, "C01")
    line = last(services)
    assert (line.action, line.cause, line.by, line.note) == (
        "method_corrected",
        Cause.WEBHOOK,
        "",
        "C01",
    )
    assert line.destination == new


def test_a_note_is_no_correction_and_leaves_the_time_of_the_details(services: Services) -> None:
    before = services.customers.get("ada").methods["wire"].updated_at
    assert services.methods.correct("ada", "wire", [destination(services)], None, "misspelt")
    assert (last(services).action, last(services).note) == ("method_noted", "misspelt")
    assert services.customers.get("ada").methods["wire"].updated_at == before


def test_a_report_that_comes_again_adds_no_line(services: Services) -> None:
    old, new = destination(services), sealed(services, "55554444")
    assert services.methods.correct("ada", "wire", [old], new, "C01")
    assert services.methods.block("ada", "wire", [new], "closed")
    lines = count(services)
    assert services.methods.correct("ada", "wire", [old], new, "C01")
    assert not services.methods.block("ada", "wire", [new], "closed")
    assert count(services) == lines


def test_details_that_are_blocked_say_why_and_who_recorded_it(services: Services) -> None:
    where = [destination(services)]
    assert services.methods.block("ada", "wire", where, "closed", Cause.PERSON, "Grace")
    line = last(services)
    assert (line.action, line.cause, line.by, line.note) == (
        "method_blocked",
        Cause.PERSON,
        "Grace",
        "closed",
    )


def test_a_new_seal_is_told_apart_from_new_details(services: Services, payees: WirePayees) -> None:
    payees.vault = Vault(f"{new_key()},{OLD_KEY}")
    assert services.methods.renew(services.customers.get("ada"), DESK) == 1
    line = last(services)
    assert (line.action, line.cause, line.by) == ("method_resealed", Cause.PERSON, "Ada L.")
    assert line.destination == destination(services)


def test_a_default_that_stays_adds_no_line(services: Services) -> None:
    services.methods.put("ada", "wire", {"account": "123456789"}, default=True)
    assert last(services).action == "default_changed"
    services.methods.put("ada", "wire", {"account": "123456789"}, default=True)
    assert last(services).action == "method_put"


def test_a_deletion_shows_what_was_deleted(services: Services) -> None:
    was = destination(services)
    services.methods.delete("ada", "wire", DESK)
    line = last(services)
    assert (line.action, line.by, line.destination) == ("method_deleted", "Ada L.", was)


def test_a_change_that_fails_and_is_repeated_has_one_line(
    services: Services, store: FailingStore
) -> None:
    store.planned["change_customer"] = StoreUnavailable("down")
    before, lines = services.customers.get("ada"), count(services)
    with pytest.raises(StoreUnavailable):
        services.methods.put("ada", "wire", {"account": "55554444"}, default=None)
    assert (services.customers.get("ada"), count(services)) == (before, lines)
    services.methods.put("ada", "wire", {"account": "55554444"}, default=None)
    assert count(services) == lines + 1


def test_a_whole_history_is_read_page_by_page(services: Services) -> None:
    for _ in range(250):
        services.methods.put("ada", "wire", {"account": "123456789"}, default=None)
    versions = [shown.entry.version for shown in services.history.every("ada")]
    assert versions == list(range(252, 0, -1))


def test_all_of_a_long_history_is_sealed_again(services: Services, payees: WirePayees) -> None:
    for _ in range(150):
        services.methods.put("ada", "wire", {"account": "123456789"}, default=None)
    latest = new_key()
    payees.vault = Vault(f"{latest},{OLD_KEY}")
    assert services.history.renew("ada") == 151
    payees.vault = Vault(latest)
    assert {shown.display for shown in services.history.every("ada")} == {"*6789", None}


def test_a_page_that_ends_the_history_has_no_next_one(services: Services) -> None:
    assert services.history.page("ada", 2).last_read is None
    assert services.history.page("ada", 1).last_read == 2
    with pytest.raises(NotFound):
        services.history.page("eve", 2)


def test_a_method_that_is_not_set_up_any_more_is_shown_sealed(services: Services) -> None:
    without = build_services(Settings(), store=services.store, providers={})
    assert without.history.renew("ada") == 0
    (put, _) = without.history.page("ada", 10).entries
    assert (put.entry.method, put.details, put.display) == ("wire", None, "sealed")


def test_the_default_of_an_earlier_record_has_its_line_too(services: Services) -> None:
    method = PaymentMethod(sealed(services, "77778888"), NOW - timedelta(days=9))
    old = a_customer(customer_id="bob", methods={"gone": method}, default_method="other")
    services.store.add_customer(old)
    services.methods.put("bob", "wire", {"account": "55554444"}, default=True, by=DESK)
    lines = services.store.customer_history("bob", 10)[::-1]
    assert [(line.action, line.method, line.by) for line in lines] == [
        ("registered", None, ""),
        ("method_put", "gone", ""),
        ("default_changed", "other", ""),
        ("method_put", "wire", "Ada L."),
        ("default_changed", "wire", "Ada L."),
    ]
