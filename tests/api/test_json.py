"""The decoder accepts JSON and nothing else; numbers stay exact."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from hypothesis import given
from hypothesis import strategies as st

from paymentapp.api.json import BadJSON, decode
from paymentapp.models.money import Money
from tests.api.conftest import Bench, problem

PATH = "/v1/api/payment"
ORDER = '{"customer_id":"ada","email":"ada@example.com","amount":%s,"currency":"USD"}'

amounts = st.decimals(min_value=Decimal("0.01"), max_value=Decimal("20000"), places=2)
numbers = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**12), 10**12),
    st.integers(-300, 5),
)
text = st.text(st.characters(codec="utf-8"))
documents = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


@given(documents)
def test_what_is_json_comes_out_as_it_went_in(document: Any) -> None:
    for ascii_only in (True, False):
        body = simplejson.dumps(document, use_decimal=True, ensure_ascii=ascii_only)
        assert decode(body.encode()) == document


@given(amounts)
def test_money_goes_round_exactly(amount: Decimal) -> None:
    body = decode((ORDER % f"{amount:f}").encode())
    money = Money(body["amount"], "USD")
    written = simplejson.dumps({"amount": money.amount}, use_decimal=True)
    assert decode(written.encode())["amount"] == amount
    assert json.loads(written, parse_float=Decimal, parse_int=Decimal)["amount"] == amount


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    try:
        decode(body)
    except BadJSON:
        return


@given(
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,30})?", fullmatch=True)
)
def test_any_number_is_exact_or_refused(number: str) -> None:
    try:
        decoded = decode(number.encode())
    except BadJSON:
        return
    assert decoded == Decimal(number)
    assert Money(decoded, "USD").amount == decoded


@pytest.mark.parametrize(
    "number",
    [
        "1e400",
        "1e999999999",
        "1e99999999999999999999",
        "1e-999999999",
        "0e999999999",
        "9" * 60000,
        "0." + "0" * 60000 + "1",
        "1" * 19,
        "1e18",
        "-1e18",
    ],
)
def test_harmful_numbers_are_refused_at_once(number: str) -> None:
    start = time.perf_counter()
    with pytest.raises(BadJSON):
        decode(number.encode())
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"nul",
        b"{",
        b"{}{}",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":.5}',
        b'{"a":+1}',
        b'{"a":1.}',
        b'{"a":0x10}',
        b"NaN",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1,"\\u0061":2}',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b'"a\nb"',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b"[" * 30_000 + b"]" * 30_000,
    ],
)
def test_what_is_not_json_is_refused(paying: Bench, body: bytes) -> None:
    with pytest.raises(BadJSON):
        decode(body)
    errors = problem(paying.send(PATH, body), 400, "invalid-request")["errors"]
    assert [error["pointer"] for error in errors] == [""]
    assert not paying.worker.woken


@pytest.mark.parametrize("body", ["[]", '"text"', "1", "null", "true", "[{}]"])
def test_a_body_is_an_object(paying: Bench, body: str) -> None:
    for path in (PATH, "/v1/api/customer"):
        problem(paying.send(path, body), 400, "invalid-request")


@pytest.mark.parametrize("amount", ["NaN", "1e400", "-1e400", "1e-500", "1" * 19, "0", "-0.0"])
def test_no_such_amount_is_paid(paying: Bench, amount: str) -> None:
    problem(paying.send(PATH, ORDER % amount), 400, "invalid-request")
    assert not paying.worker.woken


def test_surrogate_pairs_are_one_character() -> None:
    assert decode(b'"\\ud83d\\ude42"') == "🙂"


def test_an_amount_stays_exact_whatever_the_form_of_the_document(bench: Bench) -> None:
    written = bench.app.json.dumps({"b": Decimal("0.10"), "a": 1}, indent=1, sort_keys=True)
    assert written == '{\n "a": 1,\n "b": 0.10\n}'
