"""OpenACH's answers: every form that was seen, and nothing of an error's text in what is told."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from paymentapp.providers.openach.answers import (
    OpenAchProblem,
    read_amount,
    read_answer,
    read_error,
)
from paymentapp.providers.openach.tables import OpenAchError

SECRET = "000123456789"
EXISTS = "An account with that routing and account number already exists for this payment profile."
SQL = (
    f"CDbCommand failed to execute the SQL statement: SQLSTATE[23505]: ... already exists {SECRET}"
)


def test_a_success_has_its_data_with_exact_amounts() -> None:
    answer = read_answer(b'{"success":true,"data":{"payment_schedule_amount":12.34}}')
    assert answer is not None
    assert answer.problem is None
    assert answer.data == {"payment_schedule_amount": Decimal("12.34")}


def test_connect_answers_with_a_session() -> None:
    answer = read_answer(b' {"success":true,"session_id":"722aaa9c"}\n')
    assert answer is not None
    assert (answer.session_id, answer.is_double) == ("722aaa9c", False)


def test_of_two_answers_the_first_one_counts() -> None:
    first = {"success": False, "error": "A payment profile with that external id already exists."}
    second = {"success": True, "data": {"payment_profile_id": "1"}}
    answer = read_answer((json.dumps(first) + json.dumps(second)).encode())
    assert answer is not None
    assert answer.problem == OpenAchProblem(OpenAchError.ALREADY_EXISTS)
    assert answer.is_double


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Fatal error: Maximum execution time of 30 seconds exceeded</html>",
        b'{"success":true,"data":',
        b"[1]",
        b"true",
        b'{"data":{}}',
        b'{"success":"yes"}',
        b'{"success":true,"data":{}}<br />Warning: something',
        b"\xff\xfe",
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_answer_is_unknown(body: bytes) -> None:
    assert read_answer(body) is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Not authenticated with token/key. Please connect first.", OpenAchError.NOT_CONNECTED),
        (
            "Unable to connect with the specified api token/key.",
            OpenAchError.BAD_CREDENTIALS,
        ),
        ("Unable to find the specified payment profile.", OpenAchError.NOT_FOUND),
        (EXISTS, OpenAchError.ALREADY_EXISTS),
        ("Your request is invalid.", OpenAchError.INVALID_REQUEST),
        ("The system is unable to find the requested action", OpenAchError.NO_SUCH_ACTION),
        ("Something else", OpenAchError.UNKNOWN),
        (SQL, OpenAchError.UNKNOWN),
        ("", OpenAchError.UNKNOWN),
    ],
)
def test_the_words_of_an_error_say_what_it_is(text: str, error: OpenAchError) -> None:
    assert read_error(text) == OpenAchProblem(error)


@pytest.mark.parametrize("encoded", [False, True], ids=["object", "as text"])
def test_fields_that_are_refused_are_named(encoded: bool) -> None:
    error = {"external_account_holder": ["Holder cannot be blank."], "x y": ["z"]}
    found = read_error(json.dumps(error) if encoded else error)
    assert found == OpenAchProblem(OpenAchError.REFUSED_FIELDS, ("external_account_holder",))
    assert found.code == "REFUSED_FIELDS: external_account_holder"


def test_a_duplicate_among_refused_fields_is_one() -> None:
    error = {"external_account_number": [EXISTS], "payment_schedule_amount": ["Not a number."]}
    assert read_error(error).error is OpenAchError.ALREADY_EXISTS


@pytest.mark.parametrize("error", [{}, [], None, 7, {"a": [SQL]}, "{not json"])
def test_an_error_of_no_known_form_is_unknown(error: object) -> None:
    assert read_error(error).error is OpenAchError.UNKNOWN


def test_no_text_of_an_error_is_told() -> None:
    body = json.dumps({"success": False, "error": {SECRET: [f"{SECRET} is taken"], "b": [SQL]}})
    answer = read_answer(body.encode())
    assert answer is not None
    assert answer.problem is not None
    assert SECRET not in repr(answer) + answer.problem.code


@pytest.mark.parametrize(
    ("value", "amount"),
    [("25.00", "25.00"), (Decimal("12.34"), "12.34"), (7, "7"), ("", None), (None, None)],
)
def test_amounts_are_read_in_both_forms(value: object, amount: str | None) -> None:
    assert read_amount(value) == (Decimal(amount) if amount else None)
    assert read_amount("1e3") is None
