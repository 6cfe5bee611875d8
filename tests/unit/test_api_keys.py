"""API keys: made, checked, remembered for a while, revoked."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from paymentapp.models.api_keys import ApiKey
from paymentapp.services.api_keys import CACHE_SECONDS, Access
from tests.support.memory_store import MemoryStore


class Time:
    """A stopwatch that a test moves."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def clock() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def timer() -> Time:
    return Time()


@pytest.fixture
def access(store: MemoryStore, timer: Time) -> Access:
    return Access(store, clock, timer)


def test_a_key_proves_itself(access: Access) -> None:
    key, text = access.create("robot", ["read", "write"])
    assert text.startswith(f"pk_{key.key_id}_")
    assert access.authenticate(text) == key
    assert key.scopes == {"read", "write"}
    assert (key.name, key.created_at, key.revoked_at) == ("robot", clock(), None)


def test_the_secret_is_not_kept(access: Access, store: MemoryStore) -> None:
    key, text = access.create("robot", ["read"])
    secret = text.removeprefix(f"pk_{key.key_id}_")
    assert len(secret) == 43  # 256 bits in base64
    assert secret not in repr(store.list_api_keys())
    assert len(key.secret_hash) == 64


def test_no_two_keys_are_alike(access: Access) -> None:
    assert len({access.create("robot", ["read"])[1] for _ in range(100)}) == 100


@pytest.mark.parametrize("scopes", [[], ["admin"], ["read", "everything"], [""]])
def test_a_key_has_known_scopes(access: Access, scopes: list[str]) -> None:
    with pytest.raises(ValueError, match="scopes"):
        access.create("robot", scopes)
    assert access.list() == []


def test_another_secret_is_refused(access: Access) -> None:
    key, text = access.create("robot", ["read"])
    other = access.create("other", ["read"])[1]
    assert access.authenticate(f"pk_{key.key_id}_{other[-43:]}") is None
    assert access.authenticate(text[:-1] + ("A" if text[-1] != "A" else "B")) is None


@pytest.mark.parametrize(
    "text", ["", "pk", "pk__", "pk_1_2", "PK_0123456789abcdef_" + "A" * 43, "x" * 100_000, "ключ"]
)
def test_what_is_no_key_asks_nothing_of_the_store(
    access: Access, store: MemoryStore, text: str
) -> None:
    assert access.authenticate(text) is None
    assert store.calls == []


def test_what_the_store_said_is_remembered(access: Access, store: MemoryStore, timer: Time) -> None:
    _, text = access.create("robot", ["read"])
    stranger = "pk_0123456789abcdef_" + "A" * 43
    for _ in range(3):
        assert access.authenticate(text)
        assert access.authenticate(stranger) is None
    assert store.calls.count("get_api_key") == 2
    timer.seconds += CACHE_SECONDS + 1
    assert access.authenticate(text)
    assert store.calls.count("get_api_key") == 3


def test_a_revocation_holds_at_once_here_and_in_half_a_minute_elsewhere(
    access: Access, store: MemoryStore, timer: Time
) -> None:
    elsewhere = Access(store, clock, timer)
    key, text = access.create("robot", ["read"])
    assert access.authenticate(text)
    assert elsewhere.authenticate(text)
    assert access.revoke(key.key_id)
    assert access.authenticate(text) is None
    assert elsewhere.authenticate(text)
    timer.seconds += CACHE_SECONDS + 1
    assert elsewhere.authenticate(text) is None
    assert [known.revoked_at for known in access.list()] == [clock()]


def test_an_unknown_key_cannot_be_revoked(access: Access) -> None:
    assert not access.revoke("0123456789abcdef")


def test_a_key_made_after_it_was_asked_for_is_known_at_once(
    store: MemoryStore, timer: Time
) -> None:
    access = Access(store, clock, timer)
    key, text = Access(store, clock, timer).create("robot", ["read"])
    hidden = store._keys.pop(key.key_id)
    assert access.authenticate(text) is None
    store.add_api_key(hidden)
    access.revoke("0123456789abcdef")
    assert access.authenticate(text) is None  # remembered
    timer.seconds += CACHE_SECONDS + 1
    assert access.authenticate(text) == key


def test_a_read_that_a_revocation_overtook_is_not_remembered(timer: Time) -> None:
    class SlowStore(MemoryStore):
        reading = threading.Event()
        go_on = threading.Event()

        def get_api_key(self, key_id: str) -> ApiKey | None:
            found = super().get_api_key(key_id)
            self.reading.set()
            self.go_on.wait(5)
            return found

    store = SlowStore()
    access = Access(store, clock, timer)
    key, text = access.create("robot", ["read"])
    reader = threading.Thread(target=access.authenticate, args=[text])
    reader.start()
    assert store.reading.wait(5)
    access.revoke(key.key_id)
    store.go_on.set()
    reader.join()
    assert access.authenticate(text) is None
