"""API keys: created, checked, cached for a while, revoked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from paymentapp.errors import Conflict, NotAuthenticated, NotFound, StoreUnavailable
from paymentapp.models.actors import BUNDLES, Actor, operator
from paymentapp.models.api_keys import ApiKey, KeyAction
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
    return keys_over(store, timer)


def keys_over(store: MemoryStore, timer: Time, now: Callable[[], datetime] = clock) -> ApiKeys:
    """Return the service; it stores the use of a key at once."""
    return ApiKeys(store, now, timer, start=lambda work: work())


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


@pytest.mark.parametrize("scopes", [[], ["root"], ["read", "everything"], [""]])
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


def test_a_revocation_holds_at_once_here_and_in_two_seconds_elsewhere(
    api_keys: ApiKeys, store: MemoryStore, timer: Time
) -> None:
    elsewhere = ApiKeys(store, clock, timer)
    key, text = api_keys.create("robot", ["read"])
    assert api_keys.authenticate(text)
    assert elsewhere.authenticate(text)
    assert api_keys.revoke(key.key_id)
    assert api_keys.authenticate(text) is None
    timer.seconds += 1.99
    assert elsewhere.authenticate(text)
    timer.seconds = 2
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


def test_a_scope_that_is_taken_away_is_gone_everywhere_in_two_seconds(
    api_keys: ApiKeys, store: MemoryStore, timer: Time
) -> None:
    elsewhere = keys_over(store, timer)
    key, text = api_keys.create("robot", ["payments:read", "payments:write"])
    assert elsewhere.actor(text).may("payments:write")
    api_keys.change(key.key_id, ["payments:read"], None)
    assert not api_keys.actor(text).may("payments:write")
    timer.seconds += 2
    assert elsewhere.actor(text).scopes == {"payments:read"}


def test_a_slow_read_does_not_lengthen_the_two_seconds(timer: Time) -> None:
    class SlowStore(MemoryStore):
        def get_api_key(self, key_id: str) -> ApiKey | None:
            found = super().get_api_key(key_id)
            timer.seconds += 1.5
            return found

    store = SlowStore()
    key, text = keys_over(store, timer).create("robot", ["read"])
    elsewhere = keys_over(store, timer)
    assert elsewhere.authenticate(text)
    assert store.change_api_key(key, key.changed(revoked_at=clock()))
    timer.seconds += 0.5
    assert elsewhere.authenticate(text) is None


def test_a_key_acts_for_its_client(api_keys: ApiKeys) -> None:
    key, text = api_keys.create("till-2", ["write", "payments:hold"], client="till")
    scopes = BUNDLES["write"] | {"payments:hold"}
    assert api_keys.actor(text) == Actor("till", frozenset({"till"}), scopes, key.key_id)


def test_a_key_of_an_earlier_version_acts_for_a_client_of_its_name(
    api_keys: ApiKeys, store: MemoryStore
) -> None:
    key, text = api_keys.create("robot", ["read"])
    store._keys[key.key_id] = ApiKey(key.key_id, key.secret_hash, "robot", key.scopes, clock())
    assert api_keys.actor(text).name == "robot"
    assert api_keys.actor(text).scopes == BUNDLES["read"]
    assert api_keys.revoke(key.key_id)


def test_a_key_expires_to_the_second(store: MemoryStore, timer: Time) -> None:
    now = [clock()]
    api_keys = keys_over(store, timer, lambda: now[0])
    _, text = api_keys.create("robot", ["read"], expires_at=clock() + timedelta(days=90))
    now[0] += timedelta(days=90) - timedelta(microseconds=1)
    assert api_keys.actor(text)
    now[0] += timedelta(microseconds=1)
    with pytest.raises(NotAuthenticated, match="unknown, expired or revoked"):
        api_keys.actor(text)


def test_the_last_use_is_stored_once_an_hour(store: MemoryStore, timer: Time) -> None:
    now = [clock()]
    api_keys = keys_over(store, timer, lambda: now[0])
    key, text = api_keys.create("robot", ["read"])
    for minutes in range(0, 130, 5):
        now[0] = clock() + timedelta(minutes=minutes)
        timer.seconds = minutes * 60
        api_keys.actor(text)
    assert store.calls.count("change_api_key") == 3
    used = store._keys[key.key_id]
    assert (used.last_used_at, used.history) == (clock() + timedelta(hours=2), key.history)


def test_a_request_does_not_wait_for_the_use_to_be_stored(store: MemoryStore, timer: Time) -> None:
    waiting: list[Callable[[], object]] = []
    api_keys = ApiKeys(store, clock, timer, start=waiting.append)
    _, text = api_keys.create("robot", ["read"])
    for _ in range(5):
        assert api_keys.actor(text)
    assert len(waiting) == 1
    assert "change_api_key" not in store.calls


def test_a_use_that_cannot_be_stored_harms_nothing_and_is_tried_again_a_minute_later(
    timer: Time,
) -> None:
    class ReadOnly(MemoryStore):
        def change_api_key(self, old: ApiKey, new: ApiKey) -> bool:
            super().change_api_key(new, old)
            raise StoreUnavailable("read-only")

    store = ReadOnly()
    api_keys = keys_over(store, timer)
    _, text = api_keys.create("robot", ["read"])
    for second in (0, 10, 59, 62):
        timer.seconds = second
        assert api_keys.actor(text)
    assert store.calls.count("change_api_key") == 2


def test_a_process_that_can_start_no_thread_serves_the_request(
    store: MemoryStore, timer: Time, caplog: pytest.LogCaptureFixture
) -> None:
    def no_thread(_work: Callable[[], object]) -> None:
        raise RuntimeError("can't start new thread")

    api_keys = ApiKeys(store, clock, timer, start=no_thread)
    key, text = api_keys.create("robot", ["read"])
    assert api_keys.actor(text).key_id == key.key_id
    assert f"use of key {key.key_id} not stored: can't start new thread" in caplog.text


def test_a_use_and_a_revocation_at_once_leave_the_key_revoked(timer: Time) -> None:
    class Meeting(MemoryStore):
        def change_api_key(self, old: ApiKey, new: ApiKey) -> bool:
            if new.revoked_at is None:  # the revocation comes first
                super().change_api_key(old, old.changed(revoked_at=clock()))
            return super().change_api_key(old, new)

    store = Meeting()
    key, text = keys_over(store, timer).create("robot", ["read"])
    keys_over(store, timer).actor(text)
    assert store._keys[key.key_id].revoked_at == clock()


def test_a_key_keeps_who_did_what_with_it(api_keys: ApiKeys) -> None:
    ada, bob = operator("Ada"), operator("Bob")
    key, _ = api_keys.create("robot", ["read"], by=ada)
    api_keys.change(key.key_id, ["payments:read"], clock(), bob)
    assert api_keys.revoke(key.key_id, bob)
    assert api_keys.revoke(key.key_id, ada)  # the earlier revocation stands
    (kept,) = api_keys.list()
    assert [(line.action, line.by, *line.scopes) for line in kept.history] == [
        (KeyAction.CREATED, "Ada", "read"),
        (KeyAction.CHANGED, "Bob", "payments:read"),
        (KeyAction.REVOKED, "Bob", "payments:read"),
    ]


def test_a_key_is_found_by_id_by_its_secret_and_by_its_name(api_keys: ApiKeys) -> None:
    key, text = api_keys.create("robot", ["read"])
    assert {api_keys.find(each) for each in (key.key_id, f"pk_{key.key_id}", text, "robot")} == {
        key
    }


def test_a_name_of_several_keys_is_not_guessed_at(api_keys: ApiKeys) -> None:
    first, second = (api_keys.create("robot", ["read"])[0] for _ in range(2))
    with pytest.raises(Conflict, match=f"{first.key_id}, {second.key_id}"):
        api_keys.find("robot")
    api_keys.revoke(first.key_id)
    assert api_keys.find("robot") == second


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("nobody", "no such key: 'nobody'"),
        ("pk_0123456789abcdef_" + "S" * 43, "no such key: '0123456789abcdef'"),
        ("pk_0123_" + "S" * 43, "no such key: 'pk_...'"),
    ],
)
def test_a_key_that_is_not_there_is_named_without_a_secret(
    api_keys: ApiKeys, wanted: str, told: str
) -> None:
    with pytest.raises(NotFound) as missing:
        api_keys.find(wanted)
    assert str(missing.value) == told


def test_a_key_that_is_not_there_does_not_change(api_keys: ApiKeys) -> None:
    with pytest.raises(NotFound):
        api_keys.change("0123456789abcdef", ["read"], None)
