"""`paymentapp vault`: create keys, and encrypt stored details again with a new key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner

from paymentapp.bootstrap import Services, build_services
from paymentapp.cli import commands
from paymentapp.config import Settings, load_settings
from paymentapp.errors import StoreUnavailable
from paymentapp.providers.base import Provider
from paymentapp.vault.sealing import Vault, new_key
from tests.support.ach_backend import ach_environ, bank_account
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import WirePayees, ledger


def test_a_new_key_is_printed_and_seals() -> None:
    made = CliRunner().invoke(commands, ["vault", "new-key"])
    assert made.exit_code == 0
    vault = Vault(made.output.strip())
    assert vault.open(vault.seal("text", "ada"), "ada") == "text"
    other = CliRunner().invoke(commands, ["vault", "new-key"])
    assert other.output != made.output


def test_details_are_sealed_again_by_the_new_key() -> None:
    old, new = new_key(), new_key()
    payees = WirePayees(Vault(old))
    store = MemoryStore()
    services = build_services(
        Settings(),
        store=store,
        providers={"wire": cast(Provider, ledger("wire", payees))},
        clock=lambda: datetime(2026, 3, 1, tzinfo=UTC),
    )
    for name in ("ada", "bob", "cy"):
        services.customers.register(name, f"{name}@example.com", {})
    for name in ("ada", "bob"):
        services.methods.put(name, "wire", {"account": "123456789"}, default=True)
    payees.vault = Vault(f"{new},{old}")
    assert sum(map(services.methods.renew, store.scan_customers())) == 2
    assert sum(map(services.methods.renew, store.scan_customers())) == 0
    payees.vault = Vault(new)
    shown = services.methods.get("ada", "wire")
    assert shown.details["account"] == "*6789"
    assert shown.default
    assert shown.updated_at == datetime(2026, 3, 1, tzinfo=UTC)


def test_details_that_do_not_open_are_an_error() -> None:
    payees = WirePayees(Vault(new_key()))
    store = MemoryStore()
    providers = {"wire": cast(Provider, ledger("wire", payees))}
    services = build_services(Settings(), store=store, providers=providers)
    services.customers.register("ada", "ada@example.com", {})
    services.methods.put("ada", "wire", {"account": "123456789"}, default=False)
    payees.vault = Vault(new_key())
    customer = store.get_customer("ada")
    assert customer is not None
    with pytest.raises(StoreUnavailable, match="UNKNOWN_VAULT_KEY"):
        services.methods.renew(customer)
    with pytest.raises(StoreUnavailable, match="UNKNOWN_VAULT_KEY"):
        services.methods.get("ada", "wire")


def test_what_a_customer_changed_meanwhile_is_left_alone() -> None:
    old, new = new_key(), new_key()
    payees = WirePayees(Vault(old))
    store = MemoryStore()
    providers = {"wire": cast(Provider, ledger("wire", payees))}
    services = build_services(Settings(), store=store, providers=providers)
    services.customers.register("ada", "ada@example.com", {})
    services.methods.put("ada", "wire", {"account": "123456789"}, default=False)
    stale = store.get_customer("ada")
    assert stale is not None
    payees.vault = Vault(f"{new},{old}")
    services.methods.put("ada", "wire", {"account": "55554444"}, default=False)
    assert services.methods.renew(replace(stale)) == 0
    assert services.methods.get("ada", "wire").details["account"] == "*4444"


def test_the_command_seals_every_customers_details_again(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    environ = ach_environ(tmp_path) | {"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/test.db"}
    with service(environ | {"PAYMENTAPP_VAULT_KEYS": old}) as services:
        services.store.create_tables()
        for name in ("ada", "bob"):
            services.customers.register(name, f"{name}@example.com", {})
        services.methods.put("ada", "ach", bank_account("123456789"), default=False)
    both = environ | {"PAYMENTAPP_VAULT_KEYS": f"{new},{old}"}
    ended = [CliRunner().invoke(commands, ["vault", "rotate"], env=both) for _ in range(2)]
    assert ended[0].stdout == "1 payment method of 2 customers renewed\n"
    assert ended[1].stdout == "0 payment methods of 2 customers renewed\n"
    with service(environ | {"PAYMENTAPP_VAULT_KEYS": new}) as services:
        assert services.methods.get("ada", "ach").details["account_number"].endswith("6789")


def test_details_of_before_are_readable_after_their_key_is_gone(tmp_path: Path) -> None:
    """Seal the history again too, and keep what each payment was made with beside it."""
    old, new = new_key(), new_key()
    environ = ach_environ(tmp_path) | {"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/test.db"}
    with service(environ | {"PAYMENTAPP_VAULT_KEYS": old}) as services:
        services.store.create_tables()
        services.customers.register("ada", "ada@example.com", {})
        for account in ("123456789", "555566664444"):
            services.methods.put("ada", "ach", bank_account(account), default=False)
        before = services.store.customer_history("ada", 10)
    both = environ | {"PAYMENTAPP_VAULT_KEYS": f"{new},{old}"}
    for _ in range(2):
        done = CliRunner().invoke(commands, ["vault", "rotate", "--by", "Ada L."], env=both)
        assert done.exit_code == 0
    with service(environ | {"PAYMENTAPP_VAULT_KEYS": new}) as services:
        shown = list(services.history.every("ada"))
        stored = services.store.customer_history("ada", 10)
    ends = [each.details and each.details["account_number"][-4:] for each in shown]
    assert ends == ["4444", "4444", "6789", None]
    assert (shown[0].entry.action, shown[0].entry.by) == ("method_resealed", "Ada L.")
    assert [line.destination for line in stored[1:]] == [line.destination for line in before]


def test_a_history_that_another_process_seals_at_the_same_time_is_left_to_it() -> None:
    old, new = new_key(), new_key()
    payees = WirePayees(Vault(old))
    store = MemoryStore()
    providers = {"wire": cast(Provider, ledger("wire", payees))}
    services = build_services(Settings(), store=store, providers=providers)
    services.customers.register("ada", "ada@example.com", {})
    services.methods.put("ada", "wire", {"account": "123456789"}, default=False)
    stale = store.customer_history("ada", 10)[0]
    payees.vault = Vault(f"{new},{old}")
    assert services.history.renew("ada") == 1
    assert services.history.renew("ada") == 0
    assert not store.change_history_entry(stale, stale.resealed_as("other"))


def test_a_line_whose_key_is_lost_is_left_and_the_others_are_sealed_again() -> None:
    payees = WirePayees()
    providers = {"wire": cast(Provider, ledger("wire", payees))}
    services = build_services(Settings(), store=MemoryStore(), providers=providers)
    services.customers.register("ada", "ada@example.com", {})
    services.methods.put("ada", "wire", {"account": "123456789"}, default=False)
    kept, later = new_key(), new_key()
    payees.vault = Vault(kept)
    services.methods.put("ada", "wire", {"account": "55554444"}, default=False)
    payees.vault = Vault(f"{later},{kept}")
    assert services.history.renew("ada") == 1
    payees.vault = Vault(later)
    shown = [each.display for each in services.history.every("ada")]
    assert shown == ["*4444", "sealed", None]


@contextmanager
def service(environ: dict[str, str]) -> Iterator[Services]:
    """Build the service from these variables."""
    services = build_services(load_settings(environ))
    with closing(services.store):
        yield services
