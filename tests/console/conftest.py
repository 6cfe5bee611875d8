"""The console over a store in memory, with somebody signed in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from paymentapp.console import register_console
from tests.api.conftest import Bench

_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass
class Person:
    """Somebody's browser, without scripts."""

    client: FlaskClient
    csrf_token: str = ""

    def sign_in(self, key: str) -> TestResponse:
        answer = self.client.post("/console/sign-in", data={"key": key})
        found = _CSRF.search(self.client.get("/console/").get_data(as_text=True))
        self.csrf_token = found[1] if found else ""
        return answer

    def see(self, path: str, status: int = 200, **query: Any) -> str:
        """Return the text of a page, entities decoded."""
        answer = self.client.get(f"/console{path}", query_string=query or None)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return unescape(answer.get_data(as_text=True))

    def send(self, path: str, **fields: Any) -> TestResponse:
        """Send a form as a page of this session does."""
        return self.client.post(f"/console{path}", data={"csrf_token": self.csrf_token, **fields})


@dataclass
class ConsoleBench(Bench):
    """A service whose console is on; `person` has the scopes of `Bench.token`."""

    person: Person = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        register_console(self.app)
        self.person = self.anybody()
        self.person.sign_in(self.token)
        self.services.today.forget()  # signing in has led to that page, which is kept for seconds

    def anybody(self) -> Person:
        """Return a browser in which nobody is signed in."""
        return Person(self.app.test_client())

    def somebody(self, name: str, *scopes: str) -> Person:
        """Return somebody who is signed in and has some scopes."""
        _, key = self.services.api_keys.create(name, scopes)
        person = self.anybody()
        person.sign_in(key)
        return person


@pytest.fixture
def console() -> ConsoleBench:
    return ConsoleBench()


@pytest.fixture
def person(console: ConsoleBench) -> Person:
    return console.person


@pytest.fixture
def paid(console: ConsoleBench) -> Callable[..., dict[str, Any]]:
    """Return what requests a payment to Ada by the API, and returns it."""
    console.add_customer()

    def pay(**changes: Any) -> dict[str, Any]:
        body: dict[str, Any] = console.pay(**changes).get_json()
        return body

    return pay
