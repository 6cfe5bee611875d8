"""The Idempotency-Key header: the same request twice is one payment."""

from __future__ import annotations

import pytest

from paymentapp.config import Settings
from paymentapp.schemas.headers import KEY_NEEDED
from tests.api.conftest import ORDER, Bench, problem


def key(value: str) -> dict[str, str]:
    return {"Idempotency-Key": value}


def test_the_same_request_is_one_payment(paying: Bench) -> None:
    first = paying.pay(key("abc"))
    again = paying.pay(key("abc"))
    assert "Idempotent-Replayed" not in first.headers
    assert again.status_code == first.status_code == 202
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert again.get_json() == first.get_json()
    assert len(paying.worker.woken) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [('"abc"', "abc"), ('"a b"', "a b"), (r'"a\"b\\c"', r'a"b\c'), ('"a;b=c"', "a;b=c")],
)
def test_the_quoted_and_the_bare_form_are_one_key(paying: Bench, one: str, other: str) -> None:
    first = paying.pay(key(one))
    assert paying.pay(key(other)).headers["Location"] == first.headers["Location"]


def test_a_key_in_quotes_may_hold_a_comma(paying: Bench) -> None:
    first = paying.pay(key('"a,b"'))
    assert paying.pay(key('"a,b"')).headers["Location"] == first.headers["Location"]
    assert paying.pay(key('"a, b"')).headers["Location"] != first.headers["Location"]


def test_a_bare_key_with_a_comma_is_told_what_to_do(paying: Bench) -> None:
    (error,) = problem(paying.pay(key("a,b")), 400, "invalid-request")["errors"]
    assert "a comma must be in quotes" in error["message"]


def test_different_keys_are_different_payments(paying: Bench) -> None:
    locations = {paying.pay(key(text)).headers["Location"] for text in ("a", "A", "aa", '"a a"')}
    assert len(locations) == 4


def test_the_same_amount_written_otherwise_is_the_same_body(paying: Bench) -> None:
    paying.pay(key("abc"), amount=10)
    assert "Idempotent-Replayed" in paying.pay(key("abc"), amount=10.0).headers


def test_to_name_the_first_method_is_another_body(paying: Bench) -> None:
    paying.pay(key("abc"))
    problem(paying.pay(key("abc"), payment_method="paypal"), 422, "idempotency-key-reused")
    assert len(paying.worker.woken) == 1


def test_a_key_stands_for_one_body(paying: Bench) -> None:
    paying.pay(key("abc"))
    problem(paying.pay(key("abc"), amount=12.51), 422, "idempotency-key-reused")
    assert len(paying.worker.woken) == 1


@pytest.mark.parametrize(
    "value", ["a", "a" * 255, '"' + "a" * 255 + '"', "~!#$%&'()*+-./:;<=>?@[]^_`{|}"]
)
def test_printable_ascii_is_a_key(paying: Bench, value: str) -> None:
    assert paying.pay(key(value)).status_code == 202


@pytest.mark.parametrize(
    "value",
    [
        "",
        '""',
        '"',
        '"abc',
        '"a"b"',
        '"abc";x=1',
        '"abc", "def"',
        '"abc","abc"',
        "abc,def",
        "abc, abc",
        "abc,",
        ",abc",
        ",",
        r'"a\x"',
        '"a\\"',
        "ä",
        "a\tb",
        "a" * 256,
        '"' + "a" * 256 + '"',
    ],
)
def test_other_keys_are_refused(paying: Bench, value: str) -> None:
    errors = problem(paying.pay(key(value)), 400, "invalid-request")["errors"]
    assert [error["header"] for error in errors] == ["Idempotency-Key"]
    assert not paying.worker.woken


def test_a_client_with_two_keys_finds_its_payment_with_either(paying: Bench) -> None:
    tokens = [
        paying.services.api_keys.create(name, ["write"], client=client)[1]
        for name, client in (("old", "payroll"), ("new", "payroll"), ("till", "till"))
    ]
    old, new, till = (
        paying.caller(token).post("/v1/api/payment", json=ORDER, headers=key("abc"))
        for token in tokens
    )
    assert new.headers["Location"] == old.headers["Location"]
    assert new.headers["Idempotent-Replayed"] == "true"
    assert till.headers["Location"] != old.headers["Location"]
    assert "Idempotent-Replayed" not in till.headers


def test_a_setting_makes_the_key_a_must() -> None:
    bench = Bench(settings=Settings(require_idempotency_key=True))
    bench.add_customer()
    (error,) = problem(bench.pay(), 400, "invalid-request")["errors"]
    assert error == {"header": "Idempotency-Key", "message": KEY_NEEDED}
    assert bench.worker.woken == []
    assert bench.pay(key("abc")).status_code == 202
