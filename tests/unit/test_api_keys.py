"""API keys: created, checked, cached for a while, revoked."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from paymentapp.models.api_keys import ApiKey
from paymentapp.services.api_keys import CACHE_SECONDS, ApiKeys
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
def api_keys(store: MemoryStore, timer: Time) -> ApiKeys:
    return ApiKeys(store, clock, timer)


def test_a_key_proves_itself(api_keys: ApiKeys) -> None:
    key, text = api_keys.create("robot", ["read", "write"])
    assert text.startswith(f"pk_{key.key_id}_")
    assert api_keys.authenticate(text) == key
    assert key.scopes == {"read", "write"}
    assert (key.name, key.created_at, key.revoked_at) == ("robot", clock(), None)


def test_the_secret_is_not_kept(api_keys: ApiKeys, store: MemoryStore) -> None:
    key, text = api_keys.create("robot", ["read"])
    secret = text.removeprefix(f"pk_{key.key_id}_")
    assert len(secret) == 43  # 256 bits in base64
    assert secret not in repr(store.list_api_keys())
    assert len(key.secret_hash) == 64


def test_no_two_keys_are_alike(api_keys: ApiKeys) -> None:
    assert len({api_keys.create("robot", ["read"])[1] for _ in range(100)}) == 100


@pytest.mark.parametrize("scopes", [[], ["admin"], ["read", "everything"], [""]])
def test_a_key_has_known_scopes(api_keys: ApiKeys, scopes: list[str]) -> None:
    with pytest.raises(ValueError, match="scopes"):
        api_keys.create("robot", scopes)
    assert api_keys.list() == []


def test_another_secret_is_refused(api_keys: ApiKeys) -> None:
    key, text = api_keys.create("robot", ["read"])
    other = api_keys.create("other", ["read"])[1]
    assert api_keys.authenticate(f"pk_{key.key_id}_{other[-43:]}") is None
    assert api_keys.authenticate(text[:-1] + ("A" if text[-1] != "A" else "B")) is None


@pytest.mark.parametrize(
    "text", ["", "pk", "pk__", "pk_1_2", "PK_0123456789abcdef_" + "A" * 43, "x" * 100_000, "ключ"]
)
def test_what_is_no_key_asks_nothing_of_the_store(
    api_keys: ApiKeys, store: MemoryStore, text: str
) -> None:
    assert api_keys.authenticate(text) is None
    assert store.calls == []


def test_what_the_store_said_is_remembered(
    api_keys: ApiKeys, store: MemoryStore, timer: Time
) -> None:
    _, text = api_keys.create("robot", ["read"])
    stranger = "pk_0123456789abcdef_" + "A" * 43
    for _ in range(3):
        assert api_keys.authenticate(text)
        assert api_keys.authenticate(stranger) is None
    assert store.calls.count("get_api_key") == 2
    timer.seconds += CACHE_SECONDS + 1
    assert api_keys.authenticate(text)
    assert store.calls.count("get_api_key") == 3


def test_a_revocation_holds_at_once_here_and_in_half_a_minute_elsewhere(
    api_keys: ApiKeys, store: MemoryStore, timer: Time
) -> None:
    elsewhere = ApiKeys(store, clock, timer)
    key, text = api_keys.create("robot", ["read"])
    assert api_keys.authenticate(text)
    assert elsewhere.authenticate(text)
    assert api_keys.revoke(key.key_id)
    assert api_keys.authenticate(text) is None
    assert elsewhere.authenticate(text)
    timer.seconds += CACHE_SECONDS + 1
    assert elsewhere.authenticate(text) is None
    assert [known.revoked_at for known in api_keys.list()] == [clock()]


def test_an_unknown_key_cannot_be_revoked(api_keys: ApiKeys) -> None:
    assert not api_keys.revoke("0123456789abcdef")


def test_a_key_made_after_it_was_asked_for_is_known_at_once(
    store: MemoryStore, timer: Time
) -> None:
    api_keys = ApiKeys(store, clock, timer)
    key, text = ApiKeys(store, clock, timer).create("robot", ["read"])
    hidden = store._keys.pop(key.key_id)
    assert api_keys.authenticate(text) is None
    store.add_api_key(hidden)
    api_keys.revoke("0123456789abcdef")
    assert api_keys.authenticate(text) is None  # remembered
    timer.seconds += CACHE_SECONDS + 1
    assert api_keys.authenticate(text) == key


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
    api_keys = ApiKeys(store, clock, timer)
    key, text = api_keys.create("robot", ["read"])
    reader = threading.Thread(target=api_keys.authenticate, args=[text])
    reader.start()
    assert store.reading.wait(5)
    api_keys.revoke(key.key_id)
    store.go_on.set()
    reader.join()
    assert api_keys.authenticate(text) is None
