"""Signing in and out: by an API key, for as long as it is valid, and on the server."""

from __future__ import annotations

import pytest

from paymentapp.services import console_sessions
from tests.console.conftest import ConsoleBench, Person


def test_who_is_not_signed_in_is_asked_to_and_goes_on_from_there(console: ConsoleBench) -> None:
    stranger = console.anybody()
    answer = stranger.client.get("/console/")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/sign-in?next=/console/"
    assert "Sign in" in stranger.see("/sign-in", next="/console/payments")


def test_a_key_signs_in_and_its_client_is_named(person: Person) -> None:
    assert "<span>test</span>" in person.see("/")


def test_a_wrong_key_signs_nobody_in(console: ConsoleBench) -> None:
    stranger = console.anybody()
    answer = stranger.sign_in("pk_0123456789abcdef_" + "x" * 43)
    assert answer.status_code == 401
    assert "unknown, expired or revoked" in answer.get_data(as_text=True)
    assert stranger.client.get("/console/").status_code == 303


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "/v1/api/payment", "/consoles"],
)
def test_signing_in_leads_to_no_other_place_than_the_console(
    console: ConsoleBench, wanted: str
) -> None:
    answer = console.anybody().client.post(
        "/console/sign-in", data={"key": console.token, "next": wanted}
    )
    assert answer.headers["Location"] == "/console/"


def test_the_cookie_is_neither_for_scripts_nor_for_other_sites(console: ConsoleBench) -> None:
    answer = console.anybody().sign_in(console.token)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert console.token not in cookie


def test_signing_out_ends_the_session_for_a_copy_of_the_cookie_too(
    console: ConsoleBench, person: Person
) -> None:
    cookie = person.client.get_cookie("paymentapp_console")
    assert cookie is not None
    thief = console.anybody()
    thief.client.set_cookie("paymentapp_console", cookie.value)
    assert thief.client.get("/console/").status_code == 200
    assert person.send("/sign-out").status_code == 303
    assert thief.client.get("/console/").status_code == 303


def test_an_end_that_is_never_stored_is_said_and_not_tried_for_ever(
    console: ConsoleBench, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.store, "change_console_session", lambda *_: False)
    monkeypatch.setattr(console_sessions, "tries", lambda: range(3))  # without its pauses
    assert person.send("/sign-out").status_code == 503
    assert person.client.get("/console/").status_code == 200


def test_a_session_ends_with_its_key(console: ConsoleBench, person: Person) -> None:
    (key,) = console.services.api_keys.list()
    console.services.api_keys.revoke(key.key_id)
    assert person.client.get("/console/").status_code == 303


def test_the_cookie_is_worth_nothing_to_the_api(console: ConsoleBench, person: Person) -> None:
    assert person.client.get("/v1/api/payment").status_code == 401
    assert console.client.get("/console/").status_code == 303  # nor a key to the console


def test_a_form_without_the_token_of_the_session_changes_nothing(person: Person) -> None:
    assert person.client.post("/console/sign-out", data={}).status_code == 403
    assert person.client.get("/console/").status_code == 200


def test_a_form_of_another_site_changes_nothing(person: Person) -> None:
    answer = person.client.post(
        "/console/sign-out",
        data={"csrf_token": person.csrf_token},
        headers={"Origin": "https://evil.example"},
    )
    assert answer.status_code == 403
    assert person.client.get("/console/").status_code == 200


def test_pages_allow_no_script_of_another_host_nor_frames(person: Person) -> None:
    policy = person.client.get("/console/").headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
