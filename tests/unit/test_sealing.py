"""The vault: what it seals opens only with its key and for its owner."""

from __future__ import annotations

import base64

import pytest

from paymentapp.errors import Misconfigured, SettingsError
from paymentapp.vault.sealing import Vault, new_key

SECRET = "Ada Lovelace|021000021|000123456789|checking"


def test_what_is_sealed_opens_again() -> None:
    vault = Vault(new_key())
    sealed = vault.seal(SECRET, "ada")
    assert SECRET not in sealed
    assert "000123456789" not in sealed
    assert vault.open(sealed, "ada") == SECRET


def test_the_same_text_is_sealed_differently_each_time() -> None:
    vault = Vault(new_key())
    assert vault.seal(SECRET, "ada") != vault.seal(SECRET, "ada")


def test_a_sealed_text_does_not_open_in_another_place() -> None:
    vault = Vault(new_key())
    sealed = vault.seal(SECRET, "ada")
    with pytest.raises(Misconfigured, match="NOT_SEALED_HERE"):
        vault.open(sealed, "bob")


@pytest.mark.parametrize("place", [8, -1])
def test_a_changed_text_does_not_open(place: int) -> None:
    vault = Vault(new_key())
    sealed = list(vault.seal(SECRET, "ada"))
    sealed[place] = "A" if sealed[place] != "A" else "g"
    with pytest.raises(Misconfigured):
        vault.open("".join(sealed), "ada")


@pytest.mark.parametrize("nothing", ["", ".", "x.y", "abc"])
def test_what_was_never_sealed_does_not_open(nothing: str) -> None:
    with pytest.raises(Misconfigured):
        Vault(new_key()).open(nothing, "ada")


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    old, new = new_key(), new_key()
    sealed = Vault(old).seal(SECRET, "ada")
    both = Vault(f"{new},{old}")
    assert both.open(sealed, "ada") == SECRET
    assert not both.is_current(sealed)
    again = both.seal(SECRET, "ada")
    assert both.is_current(again)
    assert Vault(new).open(again, "ada") == SECRET
    with pytest.raises(Misconfigured, match="UNKNOWN_VAULT_KEY"):
        Vault(new).open(sealed, "ada")


def test_a_key_that_a_service_has_wrapped_is_unwrapped_when_it_is_needed() -> None:
    asked: list[bytes] = []

    def unwrap(wrapped: bytes) -> bytes:
        asked.append(wrapped)
        return wrapped[::-1]

    key = bytes(range(32))
    wrapped = base64.b64encode(key[::-1]).decode()
    vault = Vault(f"k:{wrapped}", unwrap)
    assert not asked
    sealed = vault.seal(SECRET, "ada")
    assert Vault(f"k:{base64.b64encode(key).decode()}").open(sealed, "ada") == SECRET
    vault.open(sealed, "ada")
    assert asked == [key[::-1]]


def test_without_a_key_nothing_is_sealed() -> None:
    vault = Vault("")
    assert not vault.is_open
    with pytest.raises(Misconfigured, match="NO_VAULT_KEY"):
        vault.seal(SECRET, "ada")


@pytest.mark.parametrize("keys", ["secretsecret", "a:", ":QUJD", "a:QUJD", "a b:QUJD", "a:*"])
def test_a_bad_key_is_refused_and_not_repeated(keys: str) -> None:
    with pytest.raises(SettingsError, match="PAYMENTAPP_VAULT_KEYS") as refused:
        Vault(keys)
    assert "secretsecret" not in str(refused.value)
    assert "QUJD" not in str(refused.value)


def test_a_name_that_two_keys_have_is_refused() -> None:
    """Keep no record sealed by a key that the other one of its name hides."""
    one, other = (new_key().partition(":")[2] for _ in range(2))
    with pytest.raises(SettingsError, match="two keys have the name k1") as refused:
        Vault(f"k1:{one},k2:{one},k1:{other}")
    assert other not in str(refused.value)


def test_a_vault_shows_nothing_of_its_keys() -> None:
    key = new_key()
    assert key.partition(":")[2] not in repr(Vault(key))
