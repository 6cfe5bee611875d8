"""Tokens of clouds as passwords: what is asked of the metadata endpoint, how long one is used."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from paymentapp.config import load_settings
from paymentapp.errors import SettingsError, StoreUnavailable
from paymentapp.storage.postgresql import tokens
from paymentapp.storage.postgresql.failures import failed
from paymentapp.storage.postgresql.tokens import AccessToken, CachedToken, token_password
from tests.support.metadata_server import RESOURCE, SCOPE, MetadataServer, metadata_server


@pytest.fixture
def endpoint() -> Iterator[MetadataServer]:
    with metadata_server() as server:
        yield server


def test_google_gives_a_token_that_is_good_for_logging_in_alone(endpoint: MetadataServer) -> None:
    assert token_password("google", endpoint.google())() == "token-1"
    ((_, query, headers),) = endpoint.asked
    assert query == {"scopes": SCOPE}
    assert headers["Metadata-Flavor"] == "Google"


def test_azure_gives_a_token_of_the_identity_that_is_named(endpoint: MetadataServer) -> None:
    assert token_password("azure", endpoint.azure())() == "token-1"
    ((_, query, _),) = endpoint.asked
    assert query == {"resource": RESOURCE, "client_id": "an-id", "api-version": "2019-08-01"}


def test_an_azure_machine_without_a_platform_asks_its_metadata_service() -> None:
    request = tokens._azure({})
    assert request.url == "http://169.254.169.254/metadata/identity/oauth2/token"
    assert request.headers == {"Metadata": "true"}
    assert request.query == {"resource": RESOURCE, "api-version": "2018-02-01"}


def test_a_token_is_kept_until_shortly_before_it_ends(endpoint: MetadataServer) -> None:
    password = token_password("google", endpoint.google())
    assert {password() for _ in range(5)} == {"token-1"}
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("cloud", ["google", "azure"])
def test_a_token_that_soon_ends_is_asked_for_again(cloud: str) -> None:
    with metadata_server(seconds=200) as endpoint:
        password = token_password(cloud, getattr(endpoint, cloud)())
        assert password() == "token-1"
        endpoint.token = "token-2"
        assert password() == "token-2"


@pytest.mark.parametrize(
    "answer",
    [
        (403, b"{}"),
        (500, b'{"access_token": "secret", "expires_in": 9}'),
        (302, b""),
        (200, b"secret"),
        (200, b"[]"),
        (200, b'{"access_token": "secret"}'),
        (200, b'{"access_token": "", "expires_in": 9}'),
        (200, b'{"access_token": 1, "expires_in": 9}'),
        (200, b'{"access_token": "secret", "expires_in": "soon"}'),
    ],
)
def test_an_answer_without_a_token_makes_the_store_unavailable(
    endpoint: MetadataServer, answer: tuple[int, bytes]
) -> None:
    endpoint.answer = answer
    with pytest.raises(StoreUnavailable) as caught:
        token_password("google", endpoint.google())()
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_endpoint_that_is_not_there_makes_the_store_unavailable() -> None:
    with pytest.raises(StoreUnavailable, match="gives no token"):
        token_password("google", {"GCE_METADATA_HOST": "127.0.0.1:1"})()


def test_a_slow_endpoint_is_not_waited_for(
    endpoint: MetadataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_CALL_SECONDS", 0.1)
    endpoint.delay = 0.5
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable):
        token_password("google", endpoint.google())()
    assert time.monotonic() - begun < 0.45


def test_no_proxy_sees_a_token(endpoint: MetadataServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert token_password("google", endpoint.google())() == "token-1"


class Renewals:
    """Tokens one after the other, each of 1,000 seconds; None fails."""

    def __init__(self, *texts: str | None) -> None:
        self.now = 0.0
        self._texts = list(texts)
        self.password = CachedToken(self._fetch, lambda: self.now)

    def _fetch(self) -> AccessToken:
        text = self._texts.pop(0)
        if text is None:
            raise failed("no token")
        return AccessToken(text, self.now + 1000)

    def at(self, now: float) -> str:
        self.now = now
        return self.password()


def test_a_token_is_renewed_five_minutes_before_its_end() -> None:
    renewals = Renewals("first", "second")
    assert [renewals.at(now) for now in (0, 699, 700, 1000)] == ["first", "first", *["second"] * 2]


def test_a_failed_renewal_is_repeated_while_the_token_is_valid() -> None:
    renewals = Renewals("first", None, None, "second")
    found = [renewals.at(now) for now in (0, 700, 704, 705, 710)]
    assert found == ["first"] * 4 + ["second"]


def test_a_token_that_has_ended_is_not_used() -> None:
    renewals = Renewals("first", None, None, "second")
    assert [renewals.at(now) for now in (0, 999)] == ["first", "first"]
    with pytest.raises(StoreUnavailable):
        renewals.at(1000)
    assert renewals.at(1000) == "second"


def test_threads_that_need_a_token_at_once_share_one_call(endpoint: MetadataServer) -> None:
    endpoint.delay = 0.1
    password = token_password("google", endpoint.google())
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(password())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["token-1"] * 8
    assert len(endpoint.asked) == 1


def test_a_token_and_a_file_of_a_password_contradict_each_other() -> None:
    environ = {
        "PAYMENTAPP_POSTGRESQL_IDENTITY": "google",
        "PAYMENTAPP_POSTGRESQL_PASSWORD_FILE": "/run/password",
    }
    with pytest.raises(SettingsError, match="both set"):
        load_settings(environ)


def test_threads_that_waited_for_a_call_in_vain_do_not_call_one_after_the_other(
    endpoint: MetadataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_CALL_SECONDS", 0.4)
    endpoint.delay = 1.0
    password = token_password("google", endpoint.google())
    failures: list[float] = []

    def connect() -> None:
        with pytest.raises(StoreUnavailable, match="gives no token"):
            password()
        failures.append(time.monotonic())

    begun = time.monotonic()
    threads = [threading.Thread(target=connect) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(failures) == 5
    assert max(failures) - begun < 0.8
    endpoint.delay = 0.0
    assert password() == "token-1"
