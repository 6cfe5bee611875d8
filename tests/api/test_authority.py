"""Rules, callers and scopes: what each caller may do with a payment under each rule."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from paymentapp.config import Settings
from tests.api.conftest import ORDER, Bench

RULES = {
    "none": Settings(),
    "approval": Settings(approvals="all: 1"),
    "limit": Settings(limits="payment USD 10"),
    "limit that asks": Settings(limits="payment USD 10 ask"),
}
CALLERS = {  # the client, and the scopes of its key
    "maker": ("payroll", ["payments:write"]),
    "maker's second key": ("payroll", ["payments:approve"]),
    "maker's admin": ("payroll", ["admin"]),
    "approver": ("boss", ["payments:approve"]),
    "admin": ("root", ["admin"]),
    "writer": ("shop", ["write"]),
    "holder": ("operations", ["payments:hold"]),
    "reader": ("audit", ["payments:read", "customers:read", "reports:read"]),
}


class Answers(NamedTuple):
    """The status codes that a caller gets for what it does with the maker's payment of 12.5 USD.

    Except `request`, which is a payment of its own.
    """

    request: int = 403
    approve: int = 403
    reject: int = 403
    cancel: int = 403
    retry: int = 403
    hold: int = 403


NOTHING = Answers()
STOPS = Answers(cancel=200, hold=200)
WITHOUT_RULES = {
    "maker": Answers(request=202, cancel=200, retry=409),
    "maker's second key": Answers(approve=409, reject=409),
    "maker's admin": Answers(202, approve=409, reject=409, cancel=200, retry=409, hold=200),
    "approver": Answers(approve=409, reject=409),
    "admin": Answers(202, approve=409, reject=409, cancel=200, retry=409, hold=200),
    "writer": Answers(request=202),
    "holder": STOPS,
    "reader": NOTHING,
}
WITH_APPROVAL = {
    **WITHOUT_RULES,
    "maker's second key": NOTHING,
    "maker's admin": Answers(202, approve=403, reject=403, cancel=200, retry=409, hold=200),
    "approver": Answers(approve=200, reject=200),
    "admin": Answers(202, approve=200, reject=200, cancel=200, retry=409, hold=200),
}
REFUSED = {name: 422 if each.request == 202 else 403 for name, each in WITHOUT_RULES.items()}
TABLE = {
    "none": WITHOUT_RULES,
    "approval": WITH_APPROVAL,
    "limit that asks": WITH_APPROVAL,
}
REASON = {"reason": "?"}


def answer(rule: str, caller: str, action: str) -> int:
    """Return the answer to one action on a payment that the maker has just requested."""
    bench = Bench(RULES[rule])
    bench.add_customer()
    tokens = {
        name: bench.services.api_keys.create(name, scopes, client=client)[1]
        for name, (client, scopes) in CALLERS.items()
    }
    client = bench.caller(tokens[caller])
    if action == "request":
        return client.post("/v1/api/payment", json=ORDER).status_code
    requested = bench.caller(tokens["maker"]).post("/v1/api/payment", json=ORDER)
    path = f"{requested.headers['Location']}/{action}"
    return client.post(path, json=REASON if action in {"reject", "hold"} else {}).status_code


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("rule", TABLE)
def test_each_caller_may_do_what_the_table_says_and_nothing_else(rule: str, caller: str) -> None:
    answers = Answers(*(answer(rule, caller, action) for action in Answers._fields))
    assert answers == TABLE[rule][caller]


@pytest.mark.parametrize("caller", CALLERS)
def test_a_limit_refuses_whoever_may_request(caller: str) -> None:
    assert answer("limit", caller, "request") == REFUSED[caller]
