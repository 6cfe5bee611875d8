"""Signing in at an OIDC issuer: the code flow with PKCE, bound to the browser that began it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from paymentapp.config import load_settings
from paymentapp.oidc.sign_in import _AT_ONCE
from tests.console.conftest import ConsoleBench, Person
from tests.support.oidc_issuer import KEYS
from tests.support.sign_in_issuer import SECRET, TOKEN, SignInIssuer, running_sign_in_issuer

CALLBACK = "/console/sign-in/callback"


@pytest.fixture
def issuer() -> Iterator[SignInIssuer]:
    with running_sign_in_issuer() as issuer:
        yield issuer


def bench(issuer: SignInIssuer, **environ: str) -> ConsoleBench:
    """Return a console whose people sign in at the issuer; both have one clock."""
    console = ConsoleBench(load_settings({**issuer.environ, **environ}))
    issuer.clock = lambda: console.now
    return console


@pytest.fixture
def console(issuer: SignInIssuer) -> ConsoleBench:
    return bench(issuer)


def begin(person: Person, **query: str) -> str:
    """Begin a sign-in; return the address at the issuer."""
    answer = person.client.get("/console/sign-in/issuer", query_string=query)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return answer.headers["Location"]


def come_back(person: Person, issuer: SignInIssuer, address: str) -> TestResponse:
    """Return the answer to what the issuer sends the browser back with."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    back = urlsplit(issuer.authorize(query))
    return person.client.get(f"{CALLBACK}?{back.query}")


def sign_in(person: Person, issuer: SignInIssuer, **query: str) -> TestResponse:
    return come_back(person, issuer, begin(person, **query))


def text(answer: TestResponse) -> str:
    return answer.get_data(as_text=True)


def test_the_form_offers_it_where_it_is_set(console: ConsoleBench, issuer: SignInIssuer) -> None:
    page = console.anybody().see("/sign-in", next="/console/payments")
    assert f"Sign in with 127.0.0.1:{issuer.port}" in page
    assert 'href="/console/sign-in/issuer?next=/console/payments"' in page


def test_it_is_not_offered_without_it() -> None:
    stranger = ConsoleBench().anybody()
    assert "Sign in with" not in stranger.see("/sign-in")
    assert "not set up" in stranger.see("/sign-in/issuer", 404)


def test_a_person_signs_in_and_has_the_rights_of_the_token(
    console: ConsoleBench, issuer: SignInIssuer
) -> None:
    grace = console.anybody()
    assert sign_in(grace, issuer).headers["Location"] == "/console/"
    assert "<span>grace</span>" in grace.see("/")
    issuer.person = {"sub": "mallory", "scope": "reports:read"}
    mallory = console.anybody()
    sign_in(mallory, issuer)
    assert "requires the scope payments:read" in mallory.see("/", 403)


def test_what_the_issuer_is_asked_for(console: ConsoleBench, issuer: SignInIssuer) -> None:
    sign_in(console.anybody(), issuer)
    (asked,), (exchanged,) = issuer.asked, issuer.exchanged
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "openid"
    assert len(asked["state"]) == len(exchanged["code_verifier"]) == 43
    assert exchanged["grant_type"] == "authorization_code"
    assert exchanged["redirect_uri"] == asked["redirect_uri"] == issuer.redirect_uri


def test_each_attempt_has_a_state_and_a_verifier_of_its_own(
    console: ConsoleBench, issuer: SignInIssuer
) -> None:
    for _ in range(2):
        sign_in(console.anybody(), issuer)
    assert issuer.asked[0]["state"] != issuer.asked[1]["state"]
    assert issuer.exchanged[0]["code_verifier"] != issuer.exchanged[1]["code_verifier"]


def test_a_client_may_authenticate_in_the_form(console: ConsoleBench, issuer: SignInIssuer) -> None:
    issuer.members = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert sign_in(console.anybody(), issuer).status_code == 303
    assert issuer.exchanged[0]["client_secret"] == SECRET


def test_it_goes_on_to_the_page_that_was_asked_for_and_to_no_other_site(
    console: ConsoleBench, issuer: SignInIssuer
) -> None:
    answer = sign_in(console.anybody(), issuer, next="/console/payments")
    assert answer.headers["Location"] == "/console/payments"
    answer = sign_in(console.anybody(), issuer, next="https://evil.example/")
    assert answer.headers["Location"] == "/console/"


def test_an_answer_in_another_browser_signs_nobody_in(
    console: ConsoleBench, issuer: SignInIssuer
) -> None:
    """Login CSRF: a victim is led to the answer to the attacker's own sign-in."""
    attacker, victim = console.anybody(), console.anybody()
    address = begin(attacker)
    for begun in (False, True):
        if begun:
            begin(victim)
        answer = come_back(victim, issuer, address)
        assert answer.status_code == 401
        assert "was not begun in this browser" in text(answer)
        assert victim.client.get("/console/").status_code == 303
    assert issuer.exchanged == []


def test_a_cookie_that_was_changed_counts_for_none(
    console: ConsoleBench, issuer: SignInIssuer
) -> None:
    stranger = console.anybody()
    address = begin(stranger)
    cookie = stranger.client.get_cookie("paymentapp_sign_in")
    assert cookie is not None
    payload, _, signature = cookie.value.rpartition(".")
    stranger.client.set_cookie("paymentapp_sign_in", f"{payload}x.{signature}")
    assert come_back(stranger, issuer, address).status_code == 401


def test_an_attempt_is_good_for_ten_minutes(console: ConsoleBench, issuer: SignInIssuer) -> None:
    stranger = console.anybody()
    address = begin(stranger)
    console.now += timedelta(minutes=10, seconds=1)
    assert "more than ten minutes ago" in text(come_back(stranger, issuer, address))


def test_an_answer_is_good_for_once(console: ConsoleBench, issuer: SignInIssuer) -> None:
    stranger = console.anybody()
    address = begin(stranger)
    cookie = stranger.client.get_cookie("paymentapp_sign_in")
    assert cookie is not None
    assert come_back(stranger, issuer, address).status_code == 303
    assert stranger.client.get_cookie("paymentapp_sign_in") is None
    thief = console.anybody()
    thief.client.set_cookie("paymentapp_sign_in", cookie.value)
    (code,) = [each for each in issuer.given if "." not in each]
    state = issuer.asked[0]["state"]
    answer = thief.client.get(CALLBACK, query_string={"code": code, "state": state})
    assert answer.status_code == 401
    assert "finished before" in text(answer)


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("access_denied", "The issuer has refused the sign-in"),
        ("temporarily_unavailable", "The issuer is busy"),
        ("<b>hush</b>", "The issuer did not sign you in"),
    ],
)
def test_an_error_of_the_issuer_is_said_in_words_of_our_own(
    console: ConsoleBench, issuer: SignInIssuer, error: str, shown: str
) -> None:
    issuer.error = error
    answer = sign_in(console.anybody(), issuer, next="/console/payments")
    assert answer.status_code == 401
    assert shown in text(answer)
    assert "hush" not in text(answer)
    assert "next=/console/payments" in text(answer)


def test_an_answer_of_another_issuer_is_refused(
    console: ConsoleBench, issuer: SignInIssuer
) -> None:
    stranger = console.anybody()
    begin(stranger)
    state = parse_qs(urlsplit(begin(stranger)).query)["state"][0]
    query = {"code": "c", "state": state, "iss": "https://evil.example"}
    answer = stranger.client.get(CALLBACK, query_string=query)
    assert "of another issuer" in text(answer)
    assert issuer.exchanged == []


@pytest.mark.parametrize(
    "person",
    [
        {"aud": "another-api"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"at_hash": "an ID token"},
    ],
)
def test_a_token_that_the_api_would_refuse_signs_nobody_in(
    console: ConsoleBench, issuer: SignInIssuer, person: dict[str, object]
) -> None:
    issuer.person = {"sub": "grace", **person}
    stranger = console.anybody()
    answer = sign_in(stranger, issuer)
    assert answer.status_code == 401
    assert "The token" in text(answer)
    assert stranger.client.get("/console/").status_code == 303


def test_who_has_no_right_here_is_told_by_what_they_would_have_one(
    console: ConsoleBench, issuer: SignInIssuer
) -> None:
    issuer.person = {"sub": "mallory", "scope": "email"}
    answer = sign_in(console.anybody(), issuer)
    assert answer.status_code == 401
    assert "knows you as mallory, but gives you no right here" in text(answer)


@pytest.mark.parametrize("reply", [500, 302, b"", b"[]", b"{}", b'{"access_token": 7}'])
def test_an_issuer_that_answers_nonsense_is_unavailable(
    console: ConsoleBench, issuer: SignInIssuer, reply: bytes | int
) -> None:
    issuer.replies[TOKEN] = reply
    answer = sign_in(console.anybody(), issuer)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "Your sign-in cannot be checked now" in text(answer)


@pytest.mark.parametrize(
    "members",
    [
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"issuer": "https://evil.example"},
    ],
)
def test_a_discovery_document_that_leads_elsewhere_is_not_followed(
    console: ConsoleBench, issuer: SignInIssuer, members: dict[str, object]
) -> None:
    issuer.members = members
    stranger = console.anybody()
    answer = stranger.client.get("/console/sign-in/issuer")
    if answer.status_code == 303:
        answer = come_back(stranger, issuer, answer.headers["Location"])
    assert answer.status_code == 503
    assert issuer.exchanged == []


def test_an_issuer_that_is_down_is_said_and_its_return_noticed(
    console: ConsoleBench, issuer: SignInIssuer
) -> None:
    issuer.stop()
    stranger = console.anybody()
    assert stranger.client.get("/console/sign-in/issuer").status_code == 503
    issuer.start()
    assert sign_in(stranger, issuer).status_code == 303


def test_an_issuer_that_hangs_holds_few_threads(console: ConsoleBench) -> None:
    found = console.services.issuer_sign_in
    assert found is not None
    for _ in range(_AT_ONCE):
        assert found._calls.acquire(blocking=False)
    assert console.anybody().client.get("/console/sign-in/issuer").status_code == 503
    for _ in range(_AT_ONCE):
        found._calls.release()
    assert console.anybody().client.get("/console/sign-in/issuer").status_code == 303


def test_the_issuers_addresses_are_fetched_once(
    console: ConsoleBench, issuer: SignInIssuer
) -> None:
    for _ in range(3):
        sign_in(console.anybody(), issuer)
    assert issuer.seen.count("/.well-known/openid-configuration") == 2  # and once for the keys
    assert issuer.seen.count(KEYS) == 1


def test_a_session_ends_after_an_hour_whatever_is_done_in_it(
    console: ConsoleBench, issuer: SignInIssuer
) -> None:
    grace = console.anybody()
    sign_in(grace, issuer)
    for _ in range(59):
        console.now += timedelta(minutes=1)
        assert grace.client.get("/console/").status_code == 200
    console.now += timedelta(minutes=1)
    assert grace.client.get("/console/").status_code == 303


def test_its_longest_time_is_a_setting(issuer: SignInIssuer) -> None:
    console = bench(issuer, PAYMENTAPP_OIDC_SESSION_MINUTES="10")
    grace = console.anybody()
    sign_in(grace, issuer)
    console.now += timedelta(minutes=9)
    assert grace.client.get("/console/").status_code == 200
    console.now += timedelta(minutes=1)
    assert grace.client.get("/console/").status_code == 303


@pytest.mark.parametrize(
    "changed", [{"PAYMENTAPP_OIDC_AUDIENCE": "another-api"}, {"PAYMENTAPP_OIDC_ISSUER": ""}]
)
def test_a_session_ends_when_its_issuer_or_audience_is_no_more(
    console: ConsoleBench, issuer: SignInIssuer, changed: dict[str, str]
) -> None:
    grace = console.anybody()
    sign_in(grace, issuer)
    environ = {**issuer.environ, **changed}
    if not environ["PAYMENTAPP_OIDC_ISSUER"]:
        environ = {}
    later = ConsoleBench(load_settings(environ), store=console.store)
    later.now = console.now
    cookie = grace.client.get_cookie("paymentapp_console")
    assert cookie is not None
    again = later.anybody()
    again.client.set_cookie("paymentapp_console", cookie.value)
    assert again.client.get("/console/").status_code == 303


def test_no_code_and_no_token_is_logged_or_shown(
    console: ConsoleBench, issuer: SignInIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    grace = console.anybody()
    shown = text(sign_in(grace, issuer)) + grace.see("/")
    issuer.person = {"aud": "another"}
    shown += text(sign_in(console.anybody(), issuer))
    issuer.replies[TOKEN] = b'{"access_token": 7}'
    shown += text(sign_in(console.anybody(), issuer))
    assert len(issuer.given) >= 5
    assert not [each for each in issuer.given if each in caplog.text or each in shown]
    assert SECRET not in caplog.text + shown


def test_a_sign_in_is_logged_with_the_name_of_the_client(
    console: ConsoleBench, issuer: SignInIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "paymentapp.security")
    sign_in(console.anybody(), issuer)
    assert 'event=sign-in client="grace" key=- method=GET route=/console/sign-in/callback' in (
        caplog.text
    )


def test_a_session_of_this_machine_is_worth_nothing_once_authentication_is_on() -> None:
    local = ConsoleBench(load_settings({"PAYMENTAPP_AUTH": "off"}))
    person = local.anybody()
    assert person.client.get("/console/").status_code == 200
    cookie = person.client.get_cookie("paymentapp_console")
    assert cookie is not None
    console = ConsoleBench(store=local.store)
    later = console.anybody()
    later.client.set_cookie("paymentapp_console", cookie.value)
    assert later.client.get("/console/").status_code == 303
