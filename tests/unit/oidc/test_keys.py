"""The issuer's keys: fetched once, rotated, kept while the issuer is down."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from paymentapp.errors import CannotVerify, InvalidToken
from paymentapp.oidc.fetch import MAX_BYTES, IssuerUnavailable
from paymentapp.oidc.keys import (
    FIRST_RETRY_SECONDS,
    FRESH_SECONDS,
    REFETCH_SECONDS,
    WAIT_SECONDS,
    IssuerKeys,
    fetch_keys,
)
from paymentapp.oidc.tokens import AccessTokens
from tests.support.oidc_issuer import DISCOVERY, KEYS, Issuer, ec_key, rsa_key
from tests.support.paypal_server import FakeClock

BOTH = [DISCOVERY, KEYS]


def test_keys_are_fetched_once_an_hour(keys: IssuerKeys, issuer: Issuer, clock: FakeClock) -> None:
    for _ in range(50):
        assert keys.find("rsa-1").kid == "rsa-1"
        assert keys.find("ec-1").kid == "ec-1"
        clock.pass_by(seconds=FRESH_SECONDS / 50 - 1)
    assert issuer.seen == BOTH
    clock.pass_by(minutes=1)
    assert keys.find("rsa-1")
    assert issuer.seen == 2 * BOTH


def test_a_new_key_is_used_as_soon_as_a_token_names_it(
    tokens: AccessTokens, issuer: Issuer, clock: FakeClock
) -> None:
    assert tokens.actor(issuer.token())
    issuer.keys.insert(0, rsa_key("rsa-2"))
    clock.pass_by(seconds=REFETCH_SECONDS)
    assert tokens.actor(issuer.token())
    assert tokens.actor(issuer.token(issuer.keys[1]))
    assert issuer.seen == 2 * BOTH


def test_a_key_that_was_taken_back_is_refused_after_the_next_fetch(
    tokens: AccessTokens, issuer: Issuer, clock: FakeClock
) -> None:
    old = issuer.keys[0]
    assert tokens.actor(issuer.token(old))
    issuer.keys = [rsa_key("rsa-2")]
    clock.pass_by(seconds=FRESH_SECONDS)
    with pytest.raises(InvalidToken):
        tokens.actor(issuer.token(old))


def test_made_up_key_ids_cost_the_issuer_one_fetch_a_minute(
    keys: IssuerKeys, issuer: Issuer, clock: FakeClock
) -> None:
    for second in range(1, 2 * REFETCH_SECONDS):
        with pytest.raises(InvalidToken):
            keys.find(f"made-up-{second}")
        clock.pass_by(seconds=1)
    assert issuer.seen == 2 * BOTH


def test_an_issuer_that_is_down_at_the_start_is_tried_again(
    keys: IssuerKeys, issuer: Issuer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.stop()
    for _ in range(3):
        with pytest.raises(CannotVerify, match="not reachable") as raised:
            keys.find("rsa-1")
        assert 1 <= raised.value.retry_after <= FIRST_RETRY_SECONDS
    assert len(caplog.records) == 1
    issuer.start()
    clock.pass_by(seconds=raised.value.retry_after)
    assert keys.find("rsa-1")


def test_an_error_of_our_own_is_no_reason_to_fetch_at_each_request(clock: FakeClock) -> None:
    calls: list[str] = []

    def broken(url: str) -> bytes:
        calls.append(url)
        raise RuntimeError("no error that a fetch should raise")

    keys = IssuerKeys("https://id.example.com", broken, lambda: clock.now.timestamp())
    with pytest.raises(RuntimeError):
        keys.find("rsa-1")
    for _ in range(3):
        with pytest.raises(CannotVerify):
            keys.find("rsa-1")
    assert len(calls) == 1


def test_known_keys_outlive_an_issuer_that_is_down(
    keys: IssuerKeys, issuer: Issuer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    keys.find("rsa-1")
    issuer.stop()
    clock.pass_by(days=3)
    for _ in range(5):
        assert keys.find("rsa-1")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "2 known keys stay in use" in caplog.text
    with pytest.raises(CannotVerify) as raised:
        keys.find("rsa-2")
    assert raised.value.retry_after == REFETCH_SECONDS
    issuer.start()
    issuer.keys = [rsa_key("rsa-2")]
    clock.pass_by(seconds=REFETCH_SECONDS)
    assert keys.find("rsa-2")


def test_an_unknown_key_is_no_reason_to_refuse_while_the_issuer_is_down(
    tokens: AccessTokens, issuer: Issuer, clock: FakeClock
) -> None:
    tokens.actor(issuer.token())
    issuer.stop()
    clock.pass_by(seconds=REFETCH_SECONDS)
    with pytest.raises(CannotVerify):
        tokens.actor(issuer.token(ec_key("ec-2")))
    assert tokens.actor(issuer.token())
    issuer.start()


def reply(**changes: Any) -> Callable[[Issuer], bytes]:
    """Return what makes a discovery document with other members."""
    return lambda issuer: json.dumps({**issuer.document(), **changes}).encode()


WRONG: dict[str, dict[str, bytes | int | Callable[[Issuer], bytes]]] = {
    "not found": {DISCOVERY: 404},
    "failing": {KEYS: 500},
    "a redirect": {DISCOVERY: 302},
    "a redirect of the keys": {KEYS: 307},
    "no JSON": {DISCOVERY: b"<html>"},
    "nested JSON": {KEYS: b"[" * 10_000},
    "empty": {KEYS: b""},
    "a list": {KEYS: b"[]"},
    "no keys": {KEYS: b'{"keys": []}'},
    "keys that are no list": {KEYS: b'{"keys": {"a": {}}}'},
    "keys that are no objects": {KEYS: b'{"keys": [5, "a", null, []]}'},
    "too large": {KEYS: b" " * (MAX_BYTES + 1)},
    "another issuer": {DISCOVERY: reply(issuer="https://evil.example")},
    "another spelling": {DISCOVERY: lambda issuer: reply(issuer=f"{issuer.url}/")(issuer)},
    "no address of keys": {DISCOVERY: reply(jwks_uri=None)},
    "a file of keys": {DISCOVERY: reply(jwks_uri="file:///etc/passwd")},
    "keys by http": {DISCOVERY: reply(jwks_uri="http://192.0.2.1/keys")},
}


@pytest.mark.parametrize("replies", WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_as_none(
    issuer: Issuer, keys: IssuerKeys, clock: FakeClock, replies: dict[str, Any]
) -> None:
    keys.find("rsa-1")
    issuer.replies = {
        path: made(issuer) if callable(made) else made for path, made in replies.items()
    }
    clock.pass_by(seconds=FRESH_SECONDS)
    assert keys.find("rsa-1")
    with pytest.raises(CannotVerify):
        keys.find("rsa-2")
    assert "/elsewhere" not in issuer.seen


def test_an_issuer_of_https_has_its_keys_there_too() -> None:
    issuer = "https://id.example"
    document = json.dumps({"issuer": issuer, "jwks_uri": "http://127.0.0.1:9/keys"}).encode()
    with pytest.raises(IssuerUnavailable, match="https"):
        fetch_keys(issuer, lambda _: document)


def test_an_issuer_with_a_path_is_asked_below_it() -> None:
    asked: list[str] = []

    def get(url: str) -> bytes:
        asked.append(url)
        raise IssuerUnavailable("down")

    for issuer in ("https://id.example/eu", "https://id.example/eu/"):
        with pytest.raises(IssuerUnavailable):
            fetch_keys(issuer, get)
    assert asked == ["https://id.example/eu/.well-known/openid-configuration"] * 2


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")  # of the short key
def test_a_key_that_cannot_be_used_is_left_out(issuer: Issuer, keys: IssuerKeys) -> None:
    good = rsa_key("good").as_dict(private=False)
    bad: list[dict[str, Any]] = [
        rsa_key("short", bits=1024).as_dict(private=False),
        ec_key("curve", "P-384").as_dict(private=False),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
        {**good, "use": "enc", "kid": "encrypts"},
        {**good, "kty": "new", "kid": "unknown"},
        {**good, "n": "!", "kid": "malformed"},
        {**good, "n": 5, "kid": "number"},
        {"kty": "EC", "crv": "P-1", "x": "AA", "y": "AA", "kid": "no curve"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "no point"},
        {"kty": "RSA", "kid": "empty"},
        {**good, "kid": ""},
        {name: value for name, value in good.items() if name != "kid"},
    ]
    issuer.replies[KEYS] = json.dumps({"keys": [*bad, good, *bad]}).encode()
    assert keys.find("good")
    for each in bad:
        with pytest.raises(InvalidToken):
            keys.find(each.get("kid", ""))


def test_many_requests_at_once_make_one_fetch(issuer: Issuer, keys: IssuerKeys) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(keys.find, ["rsa-1", "ec-1"] * 16))
    assert len(found) == 32
    assert issuer.seen == BOTH


def test_a_known_key_waits_for_nobody(issuer: Issuer, clock: FakeClock) -> None:
    """One request finds the keys old, and hangs with the issuer; the others go on."""
    hang, hanging = threading.Event(), threading.Event()
    answers = {
        f"{issuer.url}{DISCOVERY}": json.dumps(issuer.document()).encode(),
        f"{issuer.url}{KEYS}": json.dumps(issuer.key_set()).encode(),
    }

    def get(url: str) -> bytes:
        if clock.now.timestamp() >= start + FRESH_SECONDS:
            hanging.set()
            hang.wait(30)
        return answers[url]

    start = clock.now.timestamp()
    keys = IssuerKeys(issuer.url, get, timer=lambda: clock.now.timestamp())
    keys.find("rsa-1")
    clock.pass_by(seconds=FRESH_SECONDS)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(keys.find, "rsa-1")
        assert hanging.wait(30)
        began = time.monotonic()
        assert keys.find("ec-1")
        assert time.monotonic() - began < WAIT_SECONDS / 2
        with pytest.raises(CannotVerify, match="slow") as raised:
            keys.find("rsa-2")
        assert raised.value.retry_after == WAIT_SECONDS
        hang.set()
        assert slow.result(30)
