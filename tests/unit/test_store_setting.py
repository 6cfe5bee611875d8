"""PAYMENTAPP_STORE: which stores there are, and what is shown of an address with a password."""

from __future__ import annotations

import sys

import pytest

from paymentapp.config import Settings, load_settings
from paymentapp.errors import SettingsError
from paymentapp.storage import open_store
from paymentapp.store_names import without_password
from paymentapp.variables import variables_of

SECRET = "postgresql://payments:s3cret@db.example:5432/paymentapp"


@pytest.mark.parametrize(
    "store", ["postgresql://", "postgres://", "sqlite:///", "mysql://a", "postgres", "x"]
)
def test_another_store_is_refused_without_being_quoted(store: str) -> None:
    with pytest.raises(SettingsError, match=r"sqlite:///path, postgresql://user@host/database"):
        load_settings({"PAYMENTAPP_STORE": store})


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        (SECRET, "postgresql://payments:***@db.example:5432/paymentapp"),
        (
            "postgresql://db.example/a?password=s3cret&user=b",
            "postgresql://db.example/a?password=***&user=b",
        ),
        ("postgresql://payments@db.example/a", "postgresql://payments@db.example/a"),
        ("sqlite:///var/a:b@c.db", "sqlite:///var/a:b@c.db"),
        ("dynamodb", "dynamodb"),
    ],
)
def test_a_password_in_an_address_is_not_shown(store: str, shown: str) -> None:
    assert without_password(store) == shown
    settings = load_settings({"PAYMENTAPP_STORE": store})
    assert settings.store == store
    assert "s3cret" not in repr(settings)
    kind = variables_of(Settings)["store"].kind
    assert kind.show(store) == shown


def test_the_short_name_of_the_scheme_is_the_same_store() -> None:
    settings = load_settings({"PAYMENTAPP_STORE": SECRET.replace("postgresql:", "postgres:")})
    assert settings.store == SECRET


def test_a_store_says_where_it_is_without_its_password() -> None:
    store = open_store(load_settings({"PAYMENTAPP_STORE": SECRET}))
    assert store.description == "PostgreSQL db.example:5432/paymentapp"


def test_an_address_that_cannot_be_read_is_not_quoted() -> None:
    with pytest.raises(SettingsError) as error:
        open_store(Settings(store="postgresql://payments:s3cret@db:port:x/%zz"))
    assert "s3cret" not in str(error.value)


def test_without_the_driver_the_setting_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [each for each in sys.modules if each.startswith("paymentapp.storage.postgresql")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SettingsError, match=r"pip install 'paymentapp\[postgresql\]'"):
        open_store(Settings(store=SECRET))
