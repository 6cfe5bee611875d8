"""What holds attacks on sessions off: cookies, forms, time, headers, rate limits, the log."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from paymentapp.config import load_settings
from paymentapp.console.blueprint import requires
from paymentapp.models.actors import PAYMENTS_READ
from paymentapp.models.console_sessions import IDLE, LONGEST, USE_STORED_EVERY
from paymentapp.rate_limits.counters import WindowCounters
from tests.api.test_auth import LOCAL, OTHER_PAGES, REMOTE
from tests.console.conftest import ConsoleBench, Person
from tests.unit.test_rate_limit_counters import Timer

WRONG = "pk_0123456789abcdef_" + "A" * 43
STRANGER = {"REMOTE_ADDR": "192.0.2.1"}


def bench(**environ: str) -> ConsoleBench:
    settings = load_settings({f"PAYMENTAPP_{name}": value for name, value in environ.items()})
    return ConsoleBench(settings, counters=WindowCounters(timer=Timer()))


def cookie_of(person: Person, name: str = "paymentapp_console") -> str:
    cookie = person.client.get_cookie(name)
    assert cookie is not None
    return cookie.value


def with_cookie(console: ConsoleBench, value: str, name: str = "paymentapp_console") -> Person:
    person = console.anybody()
    person.client.set_cookie(name, value)
    return person


# Time.


def test_a_session_ends_an_hour_after_the_last_request(
    console: ConsoleBench, person: Person
) -> None:
    for _ in range(3):
        console.now += IDLE - USE_STORED_EVERY
        assert person.client.get("/console/").status_code == 200
    console.now += IDLE
    assert person.client.get("/console/").status_code == 303


def test_a_session_ends_after_twelve_hours_of_work(console: ConsoleBench, person: Person) -> None:
    began = console.now
    while console.now - began < LONGEST - timedelta(minutes=30):
        console.now += timedelta(minutes=29)
        assert person.client.get("/console/").status_code == 200
    console.now = began + LONGEST
    assert person.client.get("/console/").status_code == 303


def test_a_form_of_an_ended_session_changes_nothing_and_leads_to_the_sign_in(
    console: ConsoleBench, person: Person
) -> None:
    console.now += IDLE
    answer = person.send("/sign-out")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/sign-in"


# Fixation and theft.


def test_signing_in_gives_a_new_session_and_ends_the_one_before(console: ConsoleBench) -> None:
    victim = console.anybody()
    victim.sign_in(console.token)
    before = cookie_of(victim)
    victim.sign_in(console.token)
    assert cookie_of(victim) != before
    assert with_cookie(console, before).client.get("/console/").status_code == 303
    assert victim.client.get("/console/").status_code == 200


def test_a_cookie_that_an_attacker_chose_is_not_taken_over(console: ConsoleBench) -> None:
    chosen = "A" * 43
    victim = with_cookie(console, chosen)
    victim.sign_in(console.token)
    assert cookie_of(victim) != chosen
    assert with_cookie(console, chosen).client.get("/console/").status_code == 303


@pytest.mark.parametrize("value", ["", "x", "A" * 43, "A" * 4000, "../../etc", '"; drop'])
def test_a_made_up_cookie_is_no_session(console: ConsoleBench, value: str) -> None:
    assert with_cookie(console, value).client.get("/console/").status_code == 303


def test_the_token_of_another_session_is_refused(console: ConsoleBench, person: Person) -> None:
    other = console.somebody("other", "read")
    assert other.csrf_token != person.csrf_token
    answer = person.client.post("/console/sign-out", data={"csrf_token": other.csrf_token})
    assert answer.status_code == 403


@pytest.mark.parametrize("token", ["", "é", "\x00", "x" * 10_000])
def test_a_token_of_any_form_is_refused_plainly(person: Person, token: str) -> None:
    assert person.client.post("/console/sign-out", data={"csrf_token": token}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_signs_nobody_in(console: ConsoleBench, site: str) -> None:
    """Login CSRF: whoever is signed in as the attacker shows them what they do next."""
    stranger = console.anybody()
    for header in ({"Sec-Fetch-Site": site}, {"Origin": "https://evil.example"}):
        data = {"key": console.token}
        answer = stranger.client.post("/console/sign-in", data=data, headers=header)
        assert answer.status_code == 403
        assert stranger.client.get("/console/").status_code == 303


# Cookies.


def test_behind_tls_the_cookie_is_for_this_host_alone() -> None:
    console = bench(TLS="proxy")
    set_cookie = console.anybody().sign_in(console.token).headers["Set-Cookie"]
    assert set_cookie.startswith("__Host-paymentapp_console=")
    parts = {part.strip() for part in set_cookie.split(";")}
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= parts
    assert "Domain" not in set_cookie


def test_behind_tls_a_cookie_that_another_host_could_set_counts_for_none() -> None:
    console = bench(TLS="proxy")
    secret, _ = console.services.console_sessions.begin_with_key(console.token)
    named = with_cookie(console, secret, "__Host-paymentapp_console")
    assert named.client.get("/console/").status_code == 200
    assert with_cookie(console, secret).client.get("/console/").status_code == 303


def test_over_tls_of_the_server_itself_it_is_too(console: ConsoleBench) -> None:
    answer = console.anybody().client.post(
        "/console/sign-in", data={"key": console.token}, base_url="https://localhost"
    )
    assert answer.headers["Set-Cookie"].startswith("__Host-paymentapp_console=")


# Headers.


@pytest.mark.parametrize(
    "path", ["/console/", "/console/sign-in", "/console/nothing", "/console/sign-out"]
)
def test_no_page_is_framed_or_kept(person: Person, path: str) -> None:
    headers = person.client.get(path).headers
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_what_is_the_same_for_everybody_is_kept_for_a_day(console: ConsoleBench) -> None:
    for name, kind in (("console.css", "text/css"), ("htmx.min.js", "text/javascript")):
        answer = console.anybody().client.get(f"/console/static/{name}")
        assert answer.headers["Cache-Control"] == "public, max-age=86400"
        assert answer.headers["Content-Type"].startswith(kind)


@pytest.mark.parametrize("name", ["../sign_in.py", "%2e%2e/sign_in.py", "..%2fsign_in.py", "nope"])
def test_no_other_file_is_sent(console: ConsoleBench, name: str) -> None:
    assert console.anybody().client.get(f"/console/static/{name}").status_code == 404


def test_the_address_without_a_slash_leads_there_on_any_scheme(console: ConsoleBench) -> None:
    assert console.anybody().client.get("/console").headers["Location"] == "/console/"


def test_an_unknown_path_is_said_by_a_page(person: Person) -> None:
    assert "There is no such page" in person.see("/nothing/at/all", 404)
    assert person.send("/nothing").status_code == 404


def test_a_store_that_does_not_answer_is_said_on_a_page_and_in_the_log(
    console: ConsoleBench, caplog: pytest.LogCaptureFixture
) -> None:
    console.store.down = True
    answer = console.person.client.get("/console/")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "The records cannot be read now" in answer.get_data(as_text=True)
    assert "the store is unavailable: " in caplog.text


def test_an_error_of_ours_is_a_page_that_shows_nothing_of_it(console: ConsoleBench) -> None:
    @requires(PAYMENTS_READ)
    def fail() -> str:
        raise RuntimeError("hush")

    console.app.view_functions["console.today"] = fail
    page = console.person.see("/", 500)
    assert "hush" not in page
    assert "Request " in page


# AUTH=off.


@pytest.mark.parametrize("environ", LOCAL)
def test_without_authentication_this_machine_is_signed_in_by_itself(
    environ: dict[str, str],
) -> None:
    local = bench(AUTH="off").anybody()
    answer = local.client.get("/console/", environ_overrides=environ)
    assert answer.status_code == 200
    assert "<span>local</span>" in answer.get_data(as_text=True)
    assert "Sign out" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("environ", [*REMOTE, *OTHER_PAGES])
def test_without_authentication_nobody_else_is_served(environ: dict[str, str]) -> None:
    stranger = bench(AUTH="off").anybody()
    answer = stranger.client.get("/console/", environ_overrides=environ)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_without_authentication_no_page_of_another_site_gets_anything(
    headers: dict[str, str],
) -> None:
    local = bench(AUTH="off").anybody()
    assert local.client.get("/console/", headers=headers).status_code == 403
    assert local.client.post("/console/sign-out", headers=headers).status_code == 403


def test_without_authentication_forms_have_a_token_all_the_same() -> None:
    local = bench(AUTH="off").anybody()
    assert local.client.post("/console/sign-out").status_code == 403
    local.client.get("/console/")
    assert local.client.post("/console/sign-out").status_code == 403


def test_a_session_of_this_machine_is_worth_nothing_once_authentication_is_on() -> None:
    local = bench(AUTH="off")
    person = local.anybody()
    assert person.client.get("/console/").status_code == 200
    console = ConsoleBench(store=local.store)
    assert with_cookie(console, cookie_of(person)).client.get("/console/").status_code == 303


# Rate limits.


def guess(person: Person, key: str = WRONG) -> Any:
    data = {"key": key}
    return person.client.post("/console/sign-in", data=data, environ_overrides=STRANGER)


def test_wrong_keys_at_the_form_count_as_wrong_keys_of_the_address() -> None:
    console = bench(RATE_LIMIT_ADDRESSES="60/60")
    stranger = console.anybody()
    assert [guess(stranger).status_code for _ in range(4)] == [401, 401, 401, 429]
    before = len(console.store.calls)
    refused = guess(stranger, console.token)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "Too many requests" in refused.get_data(as_text=True)
    assert console.store.calls[before:] == []  # not even looked up


def test_who_is_signed_in_guesses_no_more_keys_than_others() -> None:
    console = bench(RATE_LIMIT_ADDRESSES="60/60")
    insider = console.somebody("insider", "read")
    assert [guess(insider).status_code for _ in range(4)] == [401, 401, 401, 429]
    page = insider.client.get("/console/", environ_overrides=STRANGER)
    assert page.status_code == 200  # whoever shares an address with an attacker goes on


def test_who_is_signed_in_counts_as_a_client() -> None:
    console = bench(RATE_LIMIT_CLIENTS="9/60")
    person = console.anybody()
    person.sign_in(console.token)  # two requests, one of which shows the page
    answers = [person.client.get("/console/") for _ in range(2)]
    left = [int(each.headers["RateLimit"].split("r=")[1].split(";")[0]) for each in answers]
    assert left[1] == left[0] - 1
    assert 'RateLimit-Policy: "client"' in str(answers[0].headers)
    while (answer := person.client.get("/console/")).status_code == 200:
        pass
    assert answer.status_code == 429
    assert "Wait" in answer.get_data(as_text=True)


# The security log.


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "paymentapp.security"]


def test_the_log_says_who_signed_in_what_they_did_and_that_they_left(
    console: ConsoleBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "paymentapp.security")
    person = console.anybody()
    person.sign_in(console.token)
    person.send("/sign-out")
    begun, left = lines(caplog)
    assert begun.startswith('event=sign-in client="test" key=')
    assert "method=POST route=/console/sign-in status=303" in begun
    assert left.startswith('event=write client="test" key=')
    assert "route=/console/sign-out status=303" in left


def test_the_log_says_what_was_refused(
    console: ConsoleBench, caplog: pytest.LogCaptureFixture
) -> None:
    person, stranger = console.somebody("clerk", "customers:read"), console.anybody()
    caplog.set_level(logging.INFO, "paymentapp.security")
    caplog.clear()  # of the sign-in above, which is logged where another test has left INFO on
    stranger.sign_in(WRONG)
    person.client.get("/console/")
    person.client.post("/console/sign-out")
    stranger.client.post("/console/sign-out")
    with_cookie(console, "A" * 43).client.get("/console/")
    told = [(line.split()[0], line.split("route=")[1].split()[0]) for line in lines(caplog)]
    assert told == [
        ("event=unauthenticated", "/console/sign-in"),
        ("event=forbidden", "/console/"),
        ("event=forbidden", "/console/sign-out"),
        ("event=unauthenticated", "/console/sign-out"),
        ("event=unauthenticated", "/console/"),
    ]
    assert "key=0123456789abcdef" in lines(caplog)[0]
    assert WRONG not in caplog.text


def test_a_visit_without_a_session_is_not_logged(
    console: ConsoleBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "paymentapp.security")
    console.anybody().client.get("/console/")
    assert lines(caplog) == []


# Where to.


def test_who_may_not_see_today_begins_where_they_may(console: ConsoleBench) -> None:
    _, key = console.services.api_keys.create("stats", ["reports:read"])
    person = console.anybody()
    location = person.sign_in(key).headers["Location"]
    assert location == person.client.get(location).request.path
    assert "Stop payments" not in person.client.get("/console/").get_data(as_text=True)
