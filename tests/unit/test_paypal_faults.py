"""PayPal under network faults: which calls may have taken effect, tokens, and secrets in errors."""

from __future__ import annotations

import base64
import gzip
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from paymentapp.clock import utc_now
from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown, ProviderError
from paymentapp.providers import http
from paymentapp.providers.base import Accepted
from paymentapp.providers.http import Http
from paymentapp.providers.paypal.provider import PayPal
from tests.support.paypal_server import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    DEBUG_ID,
    ITEMS,
    PAYOUTS,
    TOKEN,
    FakeClock,
    PayPalServer,
    Resets,
    Says,
    a_batch,
    created,
    duplicate,
    header,
    members,
    payout_item,
    problem,
    settings_for,
    token,
)

BATCH = a_batch()
ACCEPTED = BATCH.changed(reference="BATCH1")
TWO = members("ann@example.com", "bob@example.com")
ONE_PAGE = f"{PAYOUTS}/BATCH1"
CREATED = created("BATCH1", BATCH.batch_id)
QUICK = 0.2  # seconds that the provider may take


@pytest.fixture(scope="module")
def running() -> Iterator[PayPalServer]:
    with PayPalServer().running() as server:
        yield server


@pytest.fixture
def server(running: PayPalServer) -> PayPalServer:
    running.forget()
    return running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def paypal(server: PayPalServer, clock: FakeClock) -> Iterator[PayPal]:
    provider = PayPal(settings_for(server.url, provider_timeout=QUICK), clock)
    yield provider
    provider.close()


@pytest.fixture
def closed_port() -> str:
    """Return an address at which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


# --- the line

LOST = {
    "reset": Resets(),
    "too slow": Says(201, CREATED.body, after=2 * QUICK),
    "cut off": Says(201, CREATED.body, promise=9999),
    "a byte at a time": Says(201, CREATED.body, trickle=QUICK / 5),
    "not gzip": Says(201, b"plain", {"Content-Encoding": "gzip"}),
    "not chunked": Says(201, b"zz\r\n", {"Transfer-Encoding": "chunked", "Connection": "close"}),
    "no HTTP": Says(201, b"", {"X": "1\r\n: : :\r\n" + "y" * 70_000}),
}


@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
def test_an_answer_that_is_lost_leaves_the_outcome_unknown(
    server: PayPalServer, paypal: PayPal, answer: Any
) -> None:
    server.says("POST", PAYOUTS, answer)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        paypal.submit(BATCH, TWO)
    assert time.monotonic() - began < 4 * QUICK
    assert len(server.asked("POST", PAYOUTS)) == 1


@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
def test_a_look_whose_answer_is_lost_can_be_taken_again(
    server: PayPalServer, paypal: PayPal, answer: Any
) -> None:
    server.says("GET", ONE_PAGE, answer)
    with pytest.raises(NotSent):
        paypal.fetch(ACCEPTED)


def test_a_kept_connection_that_breaks_leaves_the_outcome_unknown(
    server: PayPalServer, paypal: PayPal
) -> None:
    server.says("POST", PAYOUTS, CREATED, Resets(), CREATED)
    assert paypal.submit(BATCH, TWO) == Accepted("BATCH1")
    with pytest.raises(OutcomeUnknown):
        paypal.submit(BATCH, TWO)
    assert paypal.submit(BATCH, TWO) == Accepted("BATCH1")


def test_a_server_that_is_not_there_was_sent_nothing(closed_port: str) -> None:
    with pytest.raises(NotSent) as raised:
        PayPal(settings_for(closed_port), utc_now).submit(BATCH, TWO)
    assert raised.value.code == "NOT_CONNECTED"


def http_to(url: str) -> Http:
    return Http(url, connections=2, read_timeout=QUICK)


def test_a_refused_connection_never_left(closed_port: str) -> None:
    with pytest.raises(NotSent):
        http_to(closed_port).call("POST", "/", moves_money=True, headers={})


def test_a_name_that_does_not_resolve_never_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*_: Any, **__: Any) -> Any:  # a patch: a test asks no name server
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    with pytest.raises(NotSent):
        http_to("https://paypal.example").call("POST", "/", moves_money=True, headers={})


def test_a_connection_that_takes_too_long_never_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.1)  # a patch: nobody waits three seconds
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        with pytest.raises(NotSent):
            http_to(f"http://127.0.0.1:{address[1]}").call(
                "POST", "/", moves_money=True, headers={}
            )
        for each in waiting:
            each.close()


def test_a_certificate_that_is_not_trusted_never_left(tmp_path: Path) -> None:
    """Verify TLS before anything is sent."""
    server = _with_own_certificate(tmp_path)
    with pytest.raises(NotSent) as raised:
        http_to(server).call("POST", "/", moves_money=True, headers={})
    assert "SSLError" in str(raised.value)


_SELF_SIGNED = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1")


def _with_own_certificate(folder: Path) -> str:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [openssl, "req", *_SELF_SIGNED, "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def shake_hands() -> None:
        connection, _ = listener.accept()
        try:
            context.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
        listener.close()

    threading.Thread(target=shake_hands, daemon=True).start()
    return f"https://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_an_endless_body_is_not_read_to_its_end(
    server: PayPalServer, paypal: PayPal, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER_BYTES", 200_000)  # a patch: 16 MiB take too long
    body = b" " * 2_000_000
    answer = Says(201, gzip.compress(body), {"Content-Encoding": "gzip"}) if packed else None
    server.says("POST", PAYOUTS, answer or Says(201, body))
    with pytest.raises(OutcomeUnknown) as raised:
        paypal.submit(BATCH, TWO)
    assert "AnswerTooLarge" in str(raised.value)


def test_a_packed_or_chunked_answer_is_read(server: PayPalServer, paypal: PayPal) -> None:
    chunk = CREATED.content
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(chunk), chunk)
    server.says(
        "POST",
        PAYOUTS,
        Says(201, gzip.compress(chunk), {"Content-Encoding": "gzip"}),
        Says(201, chunked, {"Transfer-Encoding": "chunked", "Content-Length": ""}),
    )
    assert paypal.submit(BATCH, TWO) == Accepted("BATCH1")
    assert paypal.submit(BATCH, TWO) == Accepted("BATCH1")


def test_calls_go_out_side_by_side(server: PayPalServer) -> None:
    paypal = PayPal(settings_for(server.url, senders=8, provider_timeout=5), utc_now)
    server.says("POST", PAYOUTS, Says(201, CREATED.body, after=0.2))
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: paypal.submit(BATCH, TWO), range(8)))
    assert outcomes == [Accepted("BATCH1")] * 8
    assert time.monotonic() - began < 1.0
    assert len(server.asked("POST", TOKEN)) == 1


def test_netrc_cannot_replace_the_token(
    server: PayPalServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.says("POST", PAYOUTS, CREATED)
    PayPal(settings_for(server.url), utc_now).submit(BATCH, TWO)
    assert server.asked("POST", PAYOUTS)[0].headers["Authorization"] == f"Bearer {ACCESS_TOKEN}"


def test_a_proxy_is_not_asked_for_loopback(
    server: PayPalServer, monkeypatch: pytest.MonkeyPatch, closed_port: str
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, closed_port)
    PayPal(settings_for(server.url), utc_now).check()
    with pytest.raises(NotSent) as raised:
        http_to("https://paypal.example").call("POST", "/", moves_money=True, headers={})
    assert "ProxyError" in str(raised.value)


# --- tokens


def test_a_token_is_asked_for_with_the_credentials(server: PayPalServer, paypal: PayPal) -> None:
    paypal.check()
    [asked] = server.asked("POST", TOKEN)
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    assert asked.headers["Authorization"] == f"Basic {basic}"
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert asked.body == b"grant_type=client_credentials"


@pytest.mark.parametrize(
    ("life", "renewed_after"),
    [(32_400, 29_160), (300, 240), (60, 0), (10, 0), (0, 0), (None, 0), ("x", 0), (-5, 0)],
)
def test_a_token_is_kept_until_a_little_before_its_end(
    server: PayPalServer, paypal: PayPal, clock: FakeClock, life: Any, renewed_after: int
) -> None:
    server.says("POST", TOKEN, token(expires_in=life))
    paypal.check()
    if renewed_after:
        clock.pass_by(seconds=renewed_after - 1)
        paypal.check()
        assert len(server.asked("POST", TOKEN)) == 1
        clock.pass_by(seconds=1)
    paypal.check()
    assert len(server.asked("POST", TOKEN)) == 2


def test_a_token_that_is_not_taken_is_renewed_once(server: PayPalServer, paypal: PayPal) -> None:
    server.says("POST", TOKEN, token("first"), token("second"))
    server.says("POST", PAYOUTS, problem(401, "AUTHENTICATION_FAILURE"), CREATED)
    assert paypal.submit(BATCH, TWO) == Accepted("BATCH1")
    sent = server.asked("POST", PAYOUTS)
    assert [each.headers["Authorization"] for each in sent] == ["Bearer first", "Bearer second"]
    assert sent[0].body == sent[1].body


@pytest.mark.parametrize(
    "answer",
    [
        problem(401, "AUTHENTICATION_FAILURE"),
        Says(401, {"error": "invalid_token", "error_description": "Access Token not found"}),
        Says(401, b""),
    ],
)
def test_a_second_refused_token_needs_a_person(
    server: PayPalServer, paypal: PayPal, answer: Says
) -> None:
    server.says("POST", PAYOUTS, answer)
    server.says("GET", ONE_PAGE, answer)
    for call in (lambda: paypal.submit(BATCH, TWO), lambda: paypal.fetch(ACCEPTED)):
        with pytest.raises(Misconfigured):
            call()
    assert len(server.asked("POST", PAYOUTS)) == 2


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (Says(401, {"error": "invalid_client"}), Misconfigured, "invalid_client"),
        (Says(400, {"error": "unsupported_grant_type"}), Misconfigured, "unsupported_grant_type"),
        (Says(403, b"no"), Misconfigured, "HTTP_403"),
        (Says(404, b"<html>"), Misconfigured, "HTTP_404"),
        (problem(429, "RATE_LIMIT_REACHED"), NotSent, "RATE_LIMIT_REACHED"),
        (Says(503, b""), NotSent, "HTTP_503"),
        (problem(500, "INTERNAL_ERROR"), NotSent, "INTERNAL_ERROR"),
        (Says(200, b"?"), NotSent, "UNREADABLE_ANSWER"),
        (Says(200, {"access_token": "a\r\nX-Evil: 1"}), NotSent, "UNREADABLE_ANSWER"),
        (Says(200, {"access_token": 5}), NotSent, "UNREADABLE_ANSWER"),
        (Says(200, token().body, after=2 * QUICK), NotSent, "NO_ANSWER"),
        (Resets(), NotSent, "NO_ANSWER"),
    ],
)
def test_without_a_token_nothing_is_sent(
    server: PayPalServer, paypal: PayPal, answer: Any, kind: type[ProviderError], code: str
) -> None:
    server.says("POST", TOKEN, answer)
    for call in (paypal.check, lambda: paypal.submit(BATCH, TWO)):
        with pytest.raises(kind) as raised:
            call()
        assert raised.value.code == code
    assert not server.asked("POST", PAYOUTS)


def test_without_credentials_nobody_is_asked(server: PayPalServer) -> None:
    unset = settings_for(server.url, client_id="", client_secret="")
    with pytest.raises(Misconfigured, match="PAYPAL_CLIENT_ID"):
        PayPal(unset, utc_now).check()
    assert not server.seen


def test_a_token_outlives_a_renewal_that_fails(
    server: PayPalServer, paypal: PayPal, clock: FakeClock
) -> None:
    server.says("POST", TOKEN, token(expires_in=1000), Says(503), Says(503), token("second"))
    server.says("POST", PAYOUTS, CREATED)
    paypal.check()
    clock.pass_by(seconds=950)
    paypal.submit(BATCH, TWO)  # with the first token
    paypal.submit(BATCH, TWO)  # without asking again at once
    assert len(server.asked("POST", TOKEN)) == 2
    clock.pass_by(seconds=50)
    with pytest.raises(NotSent):
        paypal.submit(BATCH, TWO)  # the first token has ended
    paypal.submit(BATCH, TWO)
    used = [each.headers["Authorization"] for each in server.asked("POST", PAYOUTS)]
    assert used == [f"Bearer {ACCESS_TOKEN}"] * 2 + ["Bearer second"]


def test_nobody_waits_for_a_renewal_while_the_old_token_is_good(
    server: PayPalServer, clock: FakeClock
) -> None:
    paypal = PayPal(settings_for(server.url, provider_timeout=5), clock)
    slow = Says(200, token("second").body, after=0.5)
    server.says("POST", TOKEN, token(expires_in=1000), slow)
    paypal.check()
    clock.pass_by(seconds=950)
    renewing = threading.Thread(target=paypal.check)
    renewing.start()
    while len(server.asked("POST", TOKEN)) < 2:
        time.sleep(0.005)
    began = time.monotonic()
    paypal.check()
    assert time.monotonic() - began < 0.3
    renewing.join()
    assert len(server.asked("POST", TOKEN)) == 2


def test_threads_without_a_token_ask_for_one_together(server: PayPalServer) -> None:
    paypal = PayPal(settings_for(server.url, provider_timeout=5), utc_now)
    server.says("POST", TOKEN, Says(200, token().body, after=0.1))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: paypal.check(), range(8)))
    assert len(server.asked("POST", TOKEN)) == 1


# --- what is never told

ECHO = f"{CLIENT_SECRET} {ACCESS_TOKEN} ann@example.com"
ECHOES: dict[str, Any] = {
    "an error that quotes": problem(400, f"NO {ECHO}", {"field": ECHO, "issue": ECHO}),
    "a refusal that quotes": problem(400, "VALIDATION_ERROR", {"field": "x", "issue": ECHO}),
    "a business error": problem(400, "USER_BUSINESS_ERROR", {"field": ECHO, "link": ECHO}),
    "a duplicate elsewhere": duplicate(f"https://{ACCESS_TOKEN}.example{ONE_PAGE}"),
    "a duplicate of nothing": duplicate("{url}/v1/payments/payouts/NOTHING"),
    "a forbidden": problem(403, "SENDER_RESTRICTED", {"issue": ECHO}),
    "an unknown token": Says(401, {"error": "invalid_token", "error_description": ECHO}),
    "a rate limit": problem(429, "RATE_LIMIT_REACHED", headers={"Retry-After": ECHO}),
    "a server error": Says(500, ECHO.encode(), {"PayPal-Debug-Id": ECHO}),
    "no JSON": Says(201, ECHO.encode()),
    "a redirect": Says(307, b"", {"Location": f"/{ACCESS_TOKEN}"}),
    "another batch": created("BATCH1", ECHO),
    "not gzip": Says(201, ECHO.encode(), {"Content-Encoding": "gzip"}),
    "reset": Resets(),
    "no HTTP": LOST["no HTTP"],
}


def _everything_told(calls: list[Callable[[], Any]]) -> str:
    told = []
    for call in calls:
        try:
            call()
        except ProviderError as error:
            told += [str(error), repr(error), *traceback.format_exception(error)]
    return "\n".join(told)


@pytest.mark.parametrize("answer", ECHOES.values(), ids=ECHOES)
def test_no_secret_and_no_address_is_told(
    server: PayPalServer, paypal: PayPal, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    paypal.check()
    for method, path in (
        ("POST", PAYOUTS),
        ("GET", ONE_PAGE),
        ("POST", f"{ITEMS}/ITEM1/cancel"),
        ("GET", f"{ITEMS}/ITEM1"),
    ):
        server.says(method, path, answer)
    told = _everything_told(
        [
            lambda: paypal.submit(BATCH, TWO),
            lambda: paypal.fetch(ACCEPTED),
            lambda: paypal.cancel("ITEM1"),
        ]
    )
    server.says("POST", TOKEN, answer)
    told += _everything_told([PayPal(settings_for(server.url), utc_now).check])
    _assert_scrubbed(told + caplog.text + repr(paypal) + repr(vars(paypal)) + paypal.description)


def test_what_goes_well_tells_no_secret_either(
    server: PayPalServer, paypal: PayPal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.says("POST", PAYOUTS, CREATED, duplicate(server.url + ONE_PAGE))
    items = [payout_item(TWO[0].item_id, "ODD"), payout_item("x", "FAILED", error={"name": ECHO})]
    page = {"batch_header": header("BATCH1", BATCH.batch_id), "items": items}
    server.says("GET", ONE_PAGE, Says(200, page))
    assert paypal.submit(BATCH, TWO) == paypal.submit(BATCH, TWO)
    paypal.fetch(ACCEPTED)
    _assert_scrubbed(caplog.text)
    assert "ODD" in caplog.text


def test_a_secret_in_another_script_is_sent_and_not_told(
    server: PayPalServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    odd = settings_for(server.url, client_secret="Schlüssel-der-Tests")
    PayPal(odd, utc_now).check()
    sent = server.asked("POST", TOKEN)[0].headers["Authorization"]
    decoded = base64.b64decode(sent.removeprefix("Basic ")).decode()
    assert decoded == f"{CLIENT_ID}:Schlüssel-der-Tests"
    assert "Schlüssel" not in caplog.text


def test_the_log_carries_paypals_debug_id(
    server: PayPalServer, paypal: PayPal, caplog: pytest.LogCaptureFixture
) -> None:
    server.says("POST", PAYOUTS, problem(422, "INSUFFICIENT_FUNDS"))
    with pytest.raises(Misconfigured):
        paypal.submit(BATCH, TWO)
    told = f'INSUFFICIENT_FUNDS "Something about …" (HTTP 422, PayPal debug id {DEBUG_ID})'
    assert told in caplog.text


def _assert_scrubbed(text: str) -> None:
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    for secret in (CLIENT_SECRET, ACCESS_TOKEN, basic, "ann@", "bob@", "example.com", "grant_type"):
        assert secret not in text
