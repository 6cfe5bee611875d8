"""Verifying PayPal's webhooks over real sockets, and parsing them."""

from __future__ import annotations

import base64
import json
import logging
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from paymentapp.errors import Misconfigured, NotGenuine, NotSent
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.providers.paypal.certificates import PAYPAL_HOSTS, Certificates
from paymentapp.providers.paypal.provider import PayPal
from paymentapp.providers.paypal.webhooks import MAX_AGE, MAX_CLOCK_SKEW, VERIFY
from paymentapp.providers.updates import Webhooks
from tests.support import pki
from tests.support.paypal_server import FakeClock, PayPalServer, Resets, Says, problem, settings_for

WEBHOOK_ID = "1JE4291016473214C"
CERT = "/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
EVENT: dict[str, Any] = {
    "id": "WH-62W810145R7409724-8CH11354TY024302T",
    "event_version": "1.0",
    "create_time": "2026-03-01T09:29:59.000Z",
    "resource_type": "payouts_item",
    "event_type": "PAYMENT.PAYOUTS-ITEM.SUCCEEDED",
    "summary": "A payout item has succeeded",
    "resource": {
        "transaction_id": "57J64166G9424913F",
        "transaction_status": "SUCCESS",
        "payout_item_fee": {"currency": "USD", "value": "0.25"},
        "payout_batch_id": "Q8B9WFS7ZZJ4Q",
        "sender_batch_id": "20260301T092900000000-0123456789abcdef",
        "payout_item": {
            "recipient_type": "EMAIL",
            "amount": {"currency": "USD", "value": "12.50"},
            "receiver": "ann@example.com",
            "sender_item_id": "hv3w2bcc0w.ann",
        },
        "payout_item_id": "AYNYWNCHBD8KS",
        "links": [],
    },
    "links": [],
}
BODY = json.dumps(EVENT).encode()


@dataclass
class Bench:
    """A PayPal that serves certificates, a provider that receives its webhooks, and its signer."""

    server: PayPalServer
    root: pki.Authority
    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    key: rsa.RSAPrivateKey = field(default_factory=pki.rsa_key)

    def __post_init__(self) -> None:
        self.serve(self.root.issue())

    def serve(self, pem: bytes) -> None:
        """Serve this certificate from now on."""
        self.server.says("GET", CERT, Says(200, pem, {"Content-Type": "application/x-pem-file"}))

    def webhooks(self, **settings: Any) -> Webhooks:
        ca = self.folder / "ca.pem"
        ca.write_bytes(self.root.pem)
        given = {"webhook_id": WEBHOOK_ID, "webhook_ca": str(ca)}
        provider = PayPal(settings_for(self.server.url, **(given | settings)), self.clock)
        assert provider.webhooks is not None
        return provider.webhooks

    def headers(self, body: bytes = BODY, **changes: str) -> dict[str, str]:
        """Return the headers of a genuine delivery."""
        headers = {
            "paypal-auth-algo": "SHA256withRSA",
            "paypal-cert-url": f"{self.server.url}{CERT}",
            "paypal-transmission-id": "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
            "paypal-transmission-time": self.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "content-type": "application/json",
        } | {f"paypal-{name.replace('_', '-')}": value for name, value in changes.items()}
        parts = (
            headers["paypal-transmission-id"],
            headers["paypal-transmission-time"],
            WEBHOOK_ID,
            str(zlib.crc32(body)),
        )
        signature = self.key.sign("|".join(parts).encode(), PKCS1v15(), SHA256())
        return {"paypal-transmission-sig": base64.b64encode(signature).decode()} | headers

    def fetched(self) -> int:
        return len(self.server.asked("GET", CERT))


@pytest.fixture(scope="module")
def server() -> Iterator[PayPalServer]:
    with PayPalServer().running() as running:
        yield running


@pytest.fixture(scope="module")
def root() -> pki.Authority:
    return pki.authority()


@pytest.fixture
def bench(server: PayPalServer, root: pki.Authority, tmp_path: Path) -> Bench:
    server.forget()
    return Bench(server, root, tmp_path)


def refused(webhooks: Webhooks, headers: Mapping[str, str], body: bytes = BODY) -> str:
    """Check that a delivery is refused; return why."""
    with pytest.raises(NotGenuine) as caught:
        webhooks.verify_webhook(headers, body)
    return str(caught.value)


# The signature


def test_what_paypal_signed_is_let_in(bench: Bench) -> None:
    bench.webhooks().verify_webhook(bench.headers(), BODY)


def test_a_checksum_above_two_to_the_31_is_unsigned(bench: Bench) -> None:
    bodies = [json.dumps(EVENT | {"summary": str(n)}).encode() for n in range(20)]
    assert {zlib.crc32(body) >> 31 for body in bodies} == {0, 1}
    webhooks = bench.webhooks()
    for body in bodies:
        webhooks.verify_webhook(bench.headers(body), body)


BODIES = {
    "an amount": BODY.replace(b"12.50", b"99.50"),
    "one more space": BODY + b" ",
    "written anew": json.dumps(EVENT, separators=(",", ":")).encode(),
    "in another order": json.dumps(EVENT, sort_keys=True).encode(),
    "nothing": b"",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_another_body_is_not(bench: Bench, body: bytes) -> None:
    assert "signature" in refused(bench.webhooks(), bench.headers(), body)


HEADERS = {
    "another time": {"paypal-transmission-time": "2026-03-01T09:29:59Z"},
    "another form of the time": {"paypal-transmission-time": "2026-03-01T09:30:00+00:00"},
    "another id": {"paypal-transmission-id": "69cd13f0-d67a-11e5-baa3-778b53f4ae56"},
    "another signature": {"paypal-transmission-sig": base64.b64encode(b"\x1f" * 256).decode()},
    "a short signature": {"paypal-transmission-sig": "MDA="},
    "no base64": {"paypal-transmission-sig": "A"},
}


@pytest.mark.parametrize("changes", HEADERS.values(), ids=HEADERS.keys())
def test_another_header_is_not(bench: Bench, changes: dict[str, str]) -> None:
    assert "signature" in refused(bench.webhooks(), bench.headers() | changes)


def test_another_webhook_is_not(bench: Bench) -> None:
    webhooks = bench.webhooks(webhook_id="ANOTHER")
    assert "signature" in refused(webhooks, bench.headers())


def test_another_key_is_not(bench: Bench) -> None:
    forger = replace(bench, key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    assert "signature" in refused(bench.webhooks(), forger.headers())


def test_a_weaker_digest_is_not(bench: Bench) -> None:
    headers = bench.headers()
    time = headers["paypal-transmission-time"]
    text = f"{headers['paypal-transmission-id']}|{time}|{WEBHOOK_ID}|{zlib.crc32(BODY)}"
    signature = base64.b64encode(bench.key.sign(text.encode(), PKCS1v15(), SHA1()))  # noqa: S303
    assert "signature" in refused(
        bench.webhooks(), headers | {"paypal-transmission-sig": signature.decode()}
    )


@pytest.mark.parametrize("algorithm", ["SHA1withRSA", "SHA512withRSA", "none", "HS256", "SHA256"])
def test_another_algorithm_is_not(bench: Bench, algorithm: str) -> None:
    assert "algorithm" in refused(bench.webhooks(), bench.headers(auth_algo=algorithm))
    assert bench.fetched() == 0


@pytest.mark.parametrize("header", [*HEADERS["another id"], "paypal-auth-algo", "paypal-cert-url"])
@pytest.mark.parametrize("value", [None, "", " ", "é", "x" * 2000, "a\r\nb"])
def test_a_header_that_is_missing_or_odd_is_not(
    bench: Bench, header: str, value: str | None
) -> None:
    headers = {name: each for name, each in bench.headers().items() if name != header}
    refused(bench.webhooks(), headers if value is None else headers | {header: value})
    assert bench.fetched() == 0


# The time


@pytest.mark.parametrize("age", [MAX_AGE, timedelta(days=3), timedelta(), -MAX_CLOCK_SKEW])
def test_a_delivery_of_these_days_is_let_in(bench: Bench, age: timedelta) -> None:
    headers = bench.headers()
    bench.clock.now += age
    bench.webhooks().verify_webhook(headers, BODY)


@pytest.mark.parametrize(
    "age", [MAX_AGE + timedelta(seconds=1), -MAX_CLOCK_SKEW - timedelta(seconds=1)]
)
def test_a_stale_delivery_is_not(bench: Bench, age: timedelta) -> None:
    headers = bench.headers()
    bench.clock.now += age
    assert "time" in refused(bench.webhooks(), headers)
    assert bench.fetched() == 0


@pytest.mark.parametrize(
    "time", ["yesterday", "2026-03-01", "2026-03-01T09:30:00", "9999-99-99T00:00:00Z", "0"]
)
def test_a_time_that_is_none_is_not(bench: Bench, time: str) -> None:
    assert "time" in refused(bench.webhooks(), bench.headers(transmission_time=time))


# Where the certificate comes from


ADDRESSES = [
    "http://evil.example.com{path}",
    "https://api.paypal.com.evil.example.com{path}",
    "https://api.paypal.com@evil.example.com{path}",
    "https://evil.example.com/{path}",
    "https://evil.example.com#.paypal.com{path}",
    "{own}/../evil{path}",
    "{own}/v1/notifications/certs/",
    "{own}/v1/notifications/certs/../../oauth2/token",
    "{own}/v1/notifications/certs/a/b",
    "{own}/v1/notifications/certs/a%2fb",
    "{own}/v1/notifications/certs/a?b=c",
    "{own}/v1/notifications/certs/a#b",
    "{own}/v1/oauth2/token",
    "{own}1{path}",
    "http://user@{netloc}{path}",
    "https://{netloc}{path}",
    "//{netloc}{path}",
    "file:///etc/passwd",
    "http://169.254.169.254/v1/notifications/certs/latest",
    "https://www.paypal.com{path}",
    "https://api.paypal.com{path}",  # this service is not one of the real PayPal
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_certificate_comes_from_elsewhere(bench: Bench, address: str) -> None:
    own = bench.server.url
    url = address.format(own=own, netloc=own.partition("//")[2], path=CERT)
    assert "address" in refused(bench.webhooks(), bench.headers(cert_url=url))
    assert bench.server.seen == []


@pytest.mark.parametrize(
    ("base", "hosts"),
    [
        ("https://api-m.paypal.com", {"api.paypal.com", "api-m.paypal.com"}),
        ("https://api.sandbox.paypal.com", {"api.sandbox.paypal.com", "api-m.sandbox.paypal.com"}),
        ("https://gateway.example.com", {"gateway.example.com", *PAYPAL_HOSTS}),
        ("http://127.0.0.1:8001", {"127.0.0.1:8001"}),
    ],
)
def test_the_hosts_are_those_of_the_account(base: str, hosts: set[str]) -> None:
    provider = PayPal(settings_for(base), FakeClock())
    scheme = base.partition("//")[0]
    assert set(provider._certificates._clients) == {f"{scheme}//{host}" for host in hosts}


def test_a_redirect_leads_nowhere(bench: Bench) -> None:
    elsewhere = f"{bench.server.url}/v1/notifications/certs/ELSEWHERE"
    bench.server.says("GET", CERT, Says(302, b"", {"Location": elsewhere}))
    assert "no certificate" in refused(bench.webhooks(), bench.headers())
    assert [seen.path for seen in bench.server.seen] == [CERT]


@pytest.mark.parametrize("answer", [Says(404), Says(403), problem(400, "VALIDATION_ERROR")])
def test_a_certificate_that_is_not_there_is_none(bench: Bench, answer: Says) -> None:
    bench.server.says("GET", CERT, answer)
    assert "no certificate" in refused(bench.webhooks(), bench.headers())


@pytest.mark.parametrize(
    "answer",
    [
        *(Says(500), Says(503), Says(429), Resets(), Says(200, b"x" * 70_000)),
        Says(200, b"-----BEGIN", promise=100),
    ],
)
def test_an_address_that_does_not_answer_tells_nothing(bench: Bench, answer: Says | Resets) -> None:
    bench.server.says("GET", CERT, answer)
    webhooks = bench.webhooks()
    with pytest.raises(NotSent):
        webhooks.verify_webhook(bench.headers(), BODY)
    bench.serve(bench.root.issue())
    webhooks.verify_webhook(bench.headers(), BODY)


def test_a_certificate_is_fetched_once(bench: Bench) -> None:
    webhooks = bench.webhooks()
    for _ in range(3):
        webhooks.verify_webhook(bench.headers(), BODY)
    assert bench.fetched() == 1


def six_at_once(bench: Bench, webhooks: Webhooks) -> list[str]:
    """Verify six deliveries at once; return the results."""
    results: list[str] = []

    def verify() -> None:
        try:
            webhooks.verify_webhook(bench.headers(), BODY)
            results.append("let in")
        except NotSent as error:
            results.append(error.code)

    threads = [threading.Thread(target=verify) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return sorted(results)


def test_strangers_do_not_take_every_thread(bench: Bench) -> None:
    bench.server.says("GET", CERT, Says(200, bench.root.issue(), after=1.0))
    assert six_at_once(bench, bench.webhooks()) == ["BUSY"] * 4 + ["let in"] * 2


# Whose the certificate is


CHAINS: dict[str, Callable[[pki.Authority], bytes]] = {
    "another CA": lambda _: pki.authority().issue(),
    "a CA of the same name": lambda _: pki.authority("Root CA").issue(),
    "a CA that comes along": lambda _: (other := pki.authority()).issue() + other.pem,
    "expired": lambda root: root.issue(days=(-30, -1)),
    "not yet": lambda root: root.issue(days=(1, 30)),
    "a missing link": lambda root: root.intermediate().issue(),
    "another name": lambda root: root.issue("www.paypal.com"),
    "a longer name": lambda root: root.issue("messageverificationcerts.paypal.com.example.com"),
    "a name inside": lambda root: root.issue("messageverificationcerts.a.b.paypal.com"),
    "a wildcard": lambda root: root.issue("*.paypal.com"),
    "a CA itself": lambda root: root.pem,
    "another kind of key": lambda root: root.issue(key=ec.generate_private_key(ec.SECP256R1())),
    "a short key": lambda root: root.issue(key=pki.rsa_key(1024)),
    "no PEM": lambda _: b"<html>Not Found</html>",
    "a broken PEM": lambda root: root.issue().replace(b"MII", b"MIX"),
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
def test_another_certificate_is_not_paypals(
    bench: Bench, chain: Callable[[pki.Authority], bytes]
) -> None:
    bench.serve(chain(bench.root))
    assert "certificate" in refused(bench.webhooks(), bench.headers())


@pytest.mark.parametrize("name", [pki.SIGNER, "messageverificationcerts.sandbox.paypal.com"])
def test_a_chain_may_have_links(bench: Bench, name: str) -> None:
    link = bench.root.intermediate()
    bench.serve(link.pem + link.issue(name))
    bench.webhooks().verify_webhook(bench.headers(), BODY)


def test_an_expired_link_breaks_a_chain(bench: Bench) -> None:
    link = bench.root.intermediate()
    bench.serve(link.issue(days=(-30, 3000)) + link.pem)
    bench.clock.pass_by(days=699)
    webhooks = bench.webhooks()
    webhooks.verify_webhook(bench.headers(), BODY)
    bench.clock.pass_by(days=2)
    assert "certificate" in refused(webhooks, bench.headers())


def test_a_certificate_that_ends_is_fetched_anew(bench: Bench) -> None:
    webhooks = bench.webhooks()
    webhooks.verify_webhook(bench.headers(), BODY)
    bench.clock.pass_by(days=366)
    assert "certificate" in refused(webhooks, bench.headers())
    bench.serve(bench.root.issue(days=(360, 700)))
    webhooks.verify_webhook(bench.headers(), BODY)
    assert bench.fetched() == 3


def test_a_ca_of_the_settings_counts_on_loopback_alone(bench: Bench) -> None:
    path = str(bench.folder / "ca.pem")
    hosts = frozenset({"api.paypal.com"})
    assert Certificates("https://api.paypal.com", hosts, path, bench.clock)._ca is None
    assert Certificates(bench.server.url, hosts, path, bench.clock)._ca == Path(path)


def test_without_a_ca_of_the_settings_the_worlds_roots_count(bench: Bench) -> None:
    webhooks = bench.webhooks(webhook_ca="")
    assert "root" in refused(webhooks, bench.headers())
    bare = Certificates("https://api.paypal.com", PAYPAL_HOSTS, "", bench.clock)
    assert len(bare._roots()) > 100


def test_a_ca_that_is_gone_tells_nothing(bench: Bench) -> None:
    webhooks = bench.webhooks()
    (bench.folder / "ca.pem").unlink()
    with pytest.raises(NotSent, match="PAYMENTAPP_PAYPAL_WEBHOOK_CA"):
        webhooks.verify_webhook(bench.headers(), BODY)


# By PayPal's own word


def ask(bench: Bench, answer: Says | Resets) -> Webhooks:
    bench.server.says("POST", VERIFY, answer)
    return bench.webhooks(webhook_verify="paypal")


def verdict(status: str) -> Says:
    return Says(200, {"verification_status": status})


@pytest.mark.parametrize("body", [BODY, b' {"resource":{"a" : 1.50,"\xc3\xa9":"\\u00e9"}}\n'])
def test_paypal_is_asked_with_the_body_as_it_came(bench: Bench, body: bytes) -> None:
    headers = bench.headers(body)
    ask(bench, verdict("SUCCESS")).verify_webhook(headers, body)
    (seen,) = bench.server.asked("POST", VERIFY)
    assert seen.body.endswith(b'"webhook_event": ' + body + b"}")
    assert seen.json == {
        "auth_algo": "SHA256withRSA",
        "cert_url": headers["paypal-cert-url"],
        "transmission_id": headers["paypal-transmission-id"],
        "transmission_sig": headers["paypal-transmission-sig"],
        "transmission_time": headers["paypal-transmission-time"],
        "webhook_id": WEBHOOK_ID,
        "webhook_event": json.loads(body),
    }
    assert bench.fetched() == 0


@pytest.mark.parametrize(
    "answer", [verdict("FAILURE"), problem(400, "VALIDATION_ERROR"), problem(422, "X")]
)
def test_what_paypal_denies_is_refused(bench: Bench, answer: Says) -> None:
    assert "PayPal does not confirm" in refused(ask(bench, answer), bench.headers())


@pytest.mark.parametrize(
    "answer", [Says(500), Says(503), Says(429), Resets(), Says(200, b"{"), verdict("PERHAPS")]
)
def test_a_paypal_that_does_not_say_tells_nothing(bench: Bench, answer: Says | Resets) -> None:
    with pytest.raises(NotSent):
        ask(bench, answer).verify_webhook(bench.headers(), BODY)


def test_strangers_do_not_take_every_thread_by_calls_to_paypal(bench: Bench) -> None:
    ask(bench, replace(verdict("SUCCESS"), after=1.0))
    webhooks = bench.webhooks(webhook_verify="paypal", provider_timeout=10)
    for _ in range(2):  # afterwards the places are free again
        assert six_at_once(bench, webhooks) == ["BUSY"] * 4 + ["let in"] * 2


def test_a_paypal_that_may_not_say_is_a_matter_of_settings(bench: Bench) -> None:
    webhooks = ask(bench, problem(403, "NOT_AUTHORIZED"))
    with pytest.raises(Misconfigured):
        webhooks.verify_webhook(bench.headers(), BODY)


INJECTIONS = [
    BODY + b', "webhook_id": "ANOTHER"',
    b'{}, "transmission_sig": "x", "webhook_event": {}',
    BODY + b"}",
    b"[" + BODY + b"]",
    BODY.decode().encode("utf-16"),
    b"\xef\xbb\xbf" + BODY,
    b"[" * 100_000,
    b'{"amount": 1.5e99999999999999999999}',
    b"",
    b"null",
]


@pytest.mark.parametrize("body", INJECTIONS, ids=range(len(INJECTIONS)))
def test_a_body_adds_nothing_to_the_call(bench: Bench, body: bytes) -> None:
    webhooks = ask(bench, verdict("SUCCESS"))
    assert "body" in refused(webhooks, bench.headers(body), body)
    assert bench.server.seen == []


def test_stale_is_stale_by_paypals_word_too(bench: Bench) -> None:
    webhooks = ask(bench, verdict("SUCCESS"))
    headers = bench.headers()
    bench.clock.pass_by(days=5)
    assert "time" in refused(webhooks, headers)
    assert bench.server.seen == []


# What an event says


def test_an_item_event_is_read(bench: Bench) -> None:
    news = bench.webhooks().parse_webhook(BODY)
    assert (news.event_id, news.kind) == (EVENT["id"], EVENT["event_type"])
    assert news.batch_id == "20260301T092900000000-0123456789abcdef"
    assert news.reference == "Q8B9WFS7ZZJ4Q"
    assert news.item is not None
    assert news.item.item_id == "hv3w2bcc0w.ann"
    assert (news.item.status, news.item.raw_status) == (Status.SUCCEEDED, "SUCCESS")
    assert news.item.money == Money(Decimal("12.5"), "USD")
    assert news.item.receiver == "ann@example.com"
    assert news.item.provider_item_id == "AYNYWNCHBD8KS"
    assert news.item.transaction_id == "57J64166G9424913F"


def test_a_batch_event_is_read(bench: Bench) -> None:
    header = {
        "payout_batch_id": "Q8B9WFS7ZZJ4Q",
        "batch_status": "SUCCESS",
        "sender_batch_header": {"sender_batch_id": "b-1"},
    }
    event = EVENT | {
        "event_type": "PAYMENT.PAYOUTSBATCH.SUCCESS",
        "resource": {"batch_header": header},
    }
    news = bench.webhooks().parse_webhook(json.dumps(event).encode())
    assert (news.item, news.batch_id, news.reference) == (None, "b-1", "Q8B9WFS7ZZJ4Q")


@pytest.mark.parametrize("kind", ["PAYMENT.CAPTURE.COMPLETED", "SOMETHING-NEW", "X"])
def test_other_events_are_nobodys(bench: Bench, kind: str) -> None:
    news = bench.webhooks().parse_webhook(json.dumps(EVENT | {"event_type": kind}).encode())
    assert (news.kind, news.item, news.batch_id, news.reference) == (kind, None, None, None)


def changed(**resource: Any) -> bytes:
    return json.dumps(EVENT | {"resource": EVENT["resource"] | resource}).encode()


ITEM = EVENT["resource"]["payout_item"]


@pytest.mark.parametrize(
    "body",
    [
        changed(transaction_status=None),
        changed(transaction_status=7),
        changed(payout_item=None),
        changed(payout_item=ITEM | {"sender_item_id": None}),
        json.dumps(EVENT | {"resource": []}).encode(),
    ],
)
def test_an_item_that_is_not_said_to_be_ours_is_nobodys(bench: Bench, body: bytes) -> None:
    assert bench.webhooks().parse_webhook(body).item is None


@pytest.mark.parametrize("value", ["NaN", "1e9", "", "-", None, 12.5, {}, "9" * 30])
def test_an_amount_that_is_none_is_not_guessed_at(bench: Bench, value: Any) -> None:
    amount = {"currency": "USD", "value": value}
    news = bench.webhooks().parse_webhook(changed(payout_item=ITEM | {"amount": amount}))
    assert news.item is not None
    assert news.item.money is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        json.dumps(EVENT | {"id": None}).encode(),
        json.dumps(EVENT | {"id": "x" * 101}).encode(),
        json.dumps(EVENT | {"id": "WH-1\nann@example.com"}).encode(),
        json.dumps(EVENT | {"event_type": ["X"]}).encode(),
    ],
)
def test_what_is_no_event_is_refused(bench: Bench, body: bytes) -> None:
    with pytest.raises(NotGenuine):
        bench.webhooks().parse_webhook(body)


def test_without_an_id_in_the_settings_there_are_none() -> None:
    assert PayPal(settings_for("http://127.0.0.1:1"), FakeClock()).webhooks is None


def test_logs_hold_nobodys_address(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    webhooks = bench.webhooks()
    webhooks.verify_webhook(bench.headers(), BODY)
    webhooks.parse_webhook(changed(transaction_status="SOMETHING_NEW"))
    refused(webhooks, bench.headers(), BODY + b" ")
    bench.serve(pki.authority().issue())
    refused(bench.webhooks(), bench.headers())
    assert "not trusted" in caplog.text
    for secret in ("@example.com", "12.50", bench.headers()["paypal-transmission-sig"][:20]):
        assert secret not in caplog.text
