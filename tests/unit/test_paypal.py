"""PayPal: the requests, and the meaning of every answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paymentapp.clock import utc_now
from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown, SettingsError
from paymentapp.models.batches import Batch
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.providers.base import Accepted, Refused
from paymentapp.providers.http import Answer
from paymentapp.providers.paypal.answers import linked_batches, read_problem
from paymentapp.providers.paypal.provider import PayPal
from paymentapp.providers.paypal.settings import PayPalSettings
from paymentapp.providers.paypal.tables import (
    BATCH_STATUS,
    CANCEL_REFUSED,
    CURRENCIES,
    ERRORS,
    ITEM_ERRORS,
    TRANSACTION_STATUS,
)
from paymentapp.providers.updates import ItemReport
from paymentapp.variables import Variables
from tests.support.paypal_server import (
    DEBUG_ID,
    ITEMS,
    PAYOUTS,
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
)

BATCH = a_batch()
ACCEPTED = BATCH.changed(reference="BATCH1")
TWO = members("ann@example.com", "bob@example.com")
ONE_PAGE = f"{PAYOUTS}/BATCH1"


@pytest.fixture(scope="module")
def running() -> Iterator[PayPalServer]:
    with PayPalServer().running() as server:
        yield server


@pytest.fixture
def server(running: PayPalServer) -> PayPalServer:
    running.forget()
    return running


@pytest.fixture
def paypal(server: PayPalServer) -> Iterator[PayPal]:
    provider = PayPal(settings_for(server.url), utc_now)
    yield provider
    provider.close()


def submitted(server: PayPalServer, paypal: PayPal, *script: Any) -> Accepted | Refused:
    server.says("POST", PAYOUTS, *script)
    return paypal.submit(BATCH, TWO)


def page(*items: dict[str, Any], status: str = "SUCCESS", **more: Any) -> Says:
    return Says(
        200, {"batch_header": header("BATCH1", BATCH.batch_id, status), "items": [*items]} | more
    )


def fetched(server: PayPalServer, paypal: PayPal, answer: Says) -> list[ItemReport]:
    server.says("GET", ONE_PAGE, answer)
    return paypal.fetch(ACCEPTED)


# --- submit: what is sent


def test_a_batch_is_sent_under_its_own_id(server: PayPalServer, paypal: PayPal) -> None:
    assert submitted(server, paypal, created("BATCH1", BATCH.batch_id)) == Accepted("BATCH1")
    [sent] = server.asked("POST", PAYOUTS)
    assert sent.json == {
        "sender_batch_header": {
            "sender_batch_id": BATCH.batch_id,
            "recipient_type": "EMAIL",
            "email_subject": "You have a payment",
        },
        "items": [
            {
                "recipient_type": "EMAIL",
                "amount": {"currency": "USD", "value": "12.50"},
                "receiver": member.email,
                "sender_item_id": member.item_id,
            }
            for member in TWO
        ],
    }
    assert sent.headers["Content-Type"] == "application/json"
    assert "PayPal-Request-Id" not in sent.headers
    assert "Cookie" not in sent.headers  # the token's answer had set one


def test_a_note_goes_with_every_item_where_one_is_set(server: PayPalServer) -> None:
    paypal = PayPal(settings_for(server.url, note="Thank you, Zoë"), utc_now)
    submitted(server, paypal, created("BATCH1", BATCH.batch_id))
    [sent] = server.asked("POST", PAYOUTS)
    assert [item["note"] for item in sent.json["items"]] == ["Thank you, Zoë"] * 2


def test_a_description_goes_with_its_item_in_place_of_the_note(server: PayPalServer) -> None:
    paypal = PayPal(settings_for(server.url, note="Thank you"), utc_now)
    members = [TWO[0]._replace(description="Für Ädå 🙂"), TWO[1]]
    server.says("POST", PAYOUTS, created("BATCH1", BATCH.batch_id))
    paypal.submit(BATCH, members)
    [sent] = server.asked("POST", PAYOUTS)
    assert [item["note"] for item in sent.json["items"]] == ["Für Ädå 🙂", "Thank you"]


@pytest.mark.parametrize(
    ("amount", "currency", "value"),
    [
        ("12.5", "USD", "12.50"),
        ("7", "EUR", "7.00"),
        ("1250", "JPY", "1250"),
        ("1E+3", "HUF", "1000"),
        ("0.01", "USD", "0.01"),
        ("59999.99", "USD", "59999.99"),
        # Never rounded: these are PayPal's to refuse.
        ("1.005", "USD", "1.005"),
        ("1.5", "JPY", "1.5"),
        ("3.25", "XXX", "3.25"),
    ],
)
def test_an_amount_has_exactly_the_decimals_of_its_currency(
    server: PayPalServer, paypal: PayPal, amount: str, currency: str, value: str
) -> None:
    server.says("POST", PAYOUTS, created("BATCH1", BATCH.batch_id))
    paypal.submit(BATCH, members("ann@example.com", amount=amount, currency=currency))
    [sent] = server.asked("POST", PAYOUTS)
    assert sent.json["items"][0]["amount"] == {"currency": currency, "value": value}


# --- submit: what is made of the answer

UNREADABLE = {
    "no id": Says(201, {"batch_header": {"batch_status": "PENDING"}}),
    "an empty id": created("", BATCH.batch_id),
    "an id that is no id": created("../payouts-item/1", BATCH.batch_id),
    "a number": Says(201, {"batch_header": {"payout_batch_id": 7}}),
    "another batch": created("BATCH2", "somebody else's"),
    "a list": Says(201, [1, 2]),
    "nothing": Says(204),
    "no JSON": Says(201, b"<html>Thank you</html>", {"Content-Type": "text/html"}),
    "half a JSON": Says(201, b'{"batch_header": {"payout_batch_id": "BAT'),
    "no UTF-8": Says(201, b'{"batch_header": "\xff\xfe"}'),
    "a deep JSON": Says(201, b"[" * 100_000),
    "a giant exponent": Says(201, b'{"batch_header": 1.5e99999999999999999999}'),
    "a redirect": Says(302, b"", {"Location": "/elsewhere"}),
    "a 4xx without a name": Says(418, {}),
    "a 4xx with a page": Says(404, b"<html>Not here</html>"),
    "a name that nobody knows": problem(400, "SOMETHING_NEW"),
    "a 500 by a known name": problem(500, "VALIDATION_ERROR"),
    "a 502": Says(502, b"<html>Bad gateway</html>"),
    "a 503": Says(503, b""),
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_what_does_not_say_that_it_was_taken_or_refused_is_unknown(
    server: PayPalServer, paypal: PayPal, answer: Says
) -> None:
    with pytest.raises(OutcomeUnknown):
        submitted(server, paypal, answer)
    assert len(server.asked("POST", PAYOUTS)) == 1  # it is not for the provider to try again


STATUS_OF = {
    "AUTHENTICATION_FAILURE": 401,
    "PREVIOUS_REQUEST_IN_PROGRESS": 409,
    "RATE_LIMIT_REACHED": 429,
    "INTERNAL_ERROR": 500,
    "INTERNAL_SERVER_ERROR": 500,
    "SERVICE_UNAVAILABLE": 503,
    "REQUEST_TIMEOUT_EXCEEDED": 504,
}


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_of_the_table_is_what_the_table_says(
    server: PayPalServer, paypal: PayPal, name: str
) -> None:
    answer = problem(STATUS_OF.get(name, 400), name)
    kind = ERRORS[name]
    if issubclass(kind, Refused):
        assert submitted(server, paypal, answer) == Refused(name, {})
    else:
        with pytest.raises(kind) as raised:
            submitted(server, paypal, answer)
        assert raised.value.code == name
        assert DEBUG_ID in str(raised.value)


def test_only_what_the_batch_holds_can_be_refused() -> None:
    refused = {name for name, kind in ERRORS.items() if issubclass(kind, Refused)}
    assert refused == {"VALIDATION_ERROR", "INVALID_REQUEST", "REQUEST_ENTITY_TOO_LARGE"}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(403, "SENDER_OF_SOME_NEW_SORT"), Misconfigured),
        (Says(403, b"<html>Access denied</html>"), Misconfigured),
        (Says(429, b"<html>Slow down</html>"), NotSent),
        (problem(429, "A_NEW_LIMIT"), NotSent),
    ],
)
def test_a_status_speaks_where_the_name_is_not_known(
    server: PayPalServer, paypal: PayPal, answer: Says, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        submitted(server, paypal, answer)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("Sun, 01 Mar 2026 09:30:30 GMT", 30),
        ("Sun, 01 Mar 2026 09:30:30 -0000", 30),
        ("Sun, 01 Mar 2026 09:00:00 GMT", 0),
        ("99999999999999999999", 3600),
        ("soon", None),
        ("-3", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(value: str, seconds: int | None) -> None:
    now = a_batch().created_at
    assert Answer(429, {"Retry-After": value}, b"").retry_after(now) == seconds


@given(st.text())
def test_retry_after_of_any_text_is_read_or_left(value: str) -> None:
    seconds = Answer(429, {"Retry-After": value}, b"").retry_after(utc_now())
    assert seconds is None or 0 <= seconds <= 3600


@pytest.mark.parametrize("body", [b"NaN", b'{"a": Infinity}', b"1" * 5000, b"", b"{", b"\xff"])
def test_what_is_no_json_is_nothing(body: bytes) -> None:
    assert Answer(200, {}, body).json() is None


def test_no_number_of_an_answer_is_a_float() -> None:
    assert Answer(200, {}, b"[1.10, 1e2, 3]").json() == [Decimal("1.10"), Decimal(100), 3]
    assert isinstance(Answer(200, {}, b"0.1").json(), Decimal)


def test_a_rate_limit_says_how_long_to_wait(server: PayPalServer, paypal: PayPal) -> None:
    limited = problem(429, "RATE_LIMIT_REACHED", headers={"Retry-After": "42"})
    with pytest.raises(NotSent) as raised:
        submitted(server, paypal, limited)
    assert raised.value.retry_after == 42


# --- submit: refusals and whom they name


def detail(field: str, issue: str = "Receiver is invalid", **more: Any) -> dict[str, Any]:
    return {"field": field, "location": "body", "issue": issue} | more


@pytest.mark.parametrize(
    ("field", "member_errors"),
    [
        ("items[1].receiver", {1: "VALIDATION_ERROR: Receiver is invalid"}),
        ("/items/1/receiver", {1: "VALIDATION_ERROR: Receiver is invalid"}),
        ("#/items/1/amount/value", {1: "VALIDATION_ERROR: Receiver is invalid"}),
        ("items.1.receiver", {1: "VALIDATION_ERROR: Receiver is invalid"}),
        ("items[0]", {0: "VALIDATION_ERROR: Receiver is invalid"}),
        ("/items/0", {0: "VALIDATION_ERROR: Receiver is invalid"}),
        ("items[2].receiver", {}),  # there are two
        ("items[-1].receiver", {}),
        ("items[99999999].receiver", {}),
        ("items", {}),
        ("lineitems[0]", {}),
        ("amount", {}),
        ("", {}),
    ],
)
def test_a_refusal_names_members_by_their_place(
    server: PayPalServer, paypal: PayPal, field: str, member_errors: dict[int, str]
) -> None:
    answer = problem(400, "VALIDATION_ERROR", detail(field))
    assert submitted(server, paypal, answer) == Refused("VALIDATION_ERROR", member_errors)


def test_the_first_word_on_a_member_counts_and_is_kept_short(
    server: PayPalServer, paypal: PayPal
) -> None:
    details = [detail("items[0].receiver", "x" * 500), detail("items[0].amount", "later")]
    outcome = submitted(server, paypal, problem(400, "VALIDATION_ERROR", *details))
    assert isinstance(outcome, Refused)
    assert outcome.member_errors == {0: ("VALIDATION_ERROR: " + "x" * 500)[:200]}


@pytest.mark.parametrize("details", [None, "text", [None, 3, "x", {}, {"field": 7}], {"a": 1}])
def test_details_of_any_shape_name_nobody(
    server: PayPalServer, paypal: PayPal, details: object
) -> None:
    body = {"name": "VALIDATION_ERROR", "message": "", "debug_id": "1", "details": details}
    assert submitted(server, paypal, Says(400, body)) == Refused("VALIDATION_ERROR", {})


@pytest.mark.parametrize(
    "field", ["items[0].note", "/items/1/note", "sender_batch_header.email_subject"]
)
def test_a_refused_setting_is_no_payments_fault(
    server: PayPalServer, paypal: PayPal, field: str
) -> None:
    with pytest.raises(Misconfigured):
        submitted(server, paypal, problem(400, "VALIDATION_ERROR", detail(field)))


def test_members_at_fault_are_named_beside_a_refused_setting(
    server: PayPalServer, paypal: PayPal
) -> None:
    answer = problem(
        400, "VALIDATION_ERROR", detail("items[0].note"), detail("items[1].receiver", "bad")
    )
    outcome = submitted(server, paypal, answer)
    assert outcome == Refused("VALIDATION_ERROR", {1: "VALIDATION_ERROR: bad"})


# --- submit: duplicates


def original(batch_id: str = BATCH.batch_id) -> Says:
    return Says(200, {"batch_header": header("BATCH1", batch_id), "items": []})


def test_a_duplicate_is_answered_with_its_original(server: PayPalServer, paypal: PayPal) -> None:
    server.says("GET", ONE_PAGE, original())
    outcome = submitted(server, paypal, duplicate(server.url + ONE_PAGE))
    assert outcome == Accepted("BATCH1")


@pytest.mark.parametrize(
    "shape",
    [
        lambda href: {"link": [{"href": href}]},
        lambda href: {"link": {"href": href}},
        lambda href: {"link": href},
        lambda href: {"links": [{"href": href, "rel": "self"}]},
        lambda href: {"links": [href]},
        lambda href: {"href": href},
        lambda href: {"link": [None, 5, {"rel": "self"}, {"href": href + "/"}]},
    ],
)
def test_the_link_to_the_original_may_have_other_shapes(
    server: PayPalServer, paypal: PayPal, shape: Any
) -> None:
    server.says("GET", ONE_PAGE, original())
    words = detail("SENDER_BATCH_ID", "Duplicate batch request") | shape(server.url + ONE_PAGE)
    outcome = submitted(server, paypal, problem(400, "USER_BUSINESS_ERROR", words))
    assert outcome == Accepted("BATCH1")


@pytest.mark.parametrize(
    "href",
    [
        "https://evil.example{page}",
        "{url}@evil.example{page}",
        "https://api-m.paypal.com{page}",
        "http://egress.internal:8443{page}?page=1",
        "{page}",
    ],
)
def test_the_host_of_the_link_decides_nothing(
    server: PayPalServer, paypal: PayPal, href: str
) -> None:
    server.says("GET", ONE_PAGE, original())
    outcome = submitted(server, paypal, duplicate(href.format(url=server.url, page=ONE_PAGE)))
    assert outcome == Accepted("BATCH1")
    assert len(server.asked("GET", ONE_PAGE)) == 1  # of our own host, whatever the link says


@pytest.mark.parametrize(
    "href",
    [
        "{url}/v1/payments/payouts-item/BATCH1",
        "{url}/v2{page}",
        "{url}{page}/../../oauth2/token",
        "{url}/v1/payments/payouts/",
        "{url}/v1/payments/payouts/BATCH%311",
        "https://[{page}",
        "",
    ],
)
def test_a_link_that_is_no_batch_s_is_not_followed(
    server: PayPalServer, paypal: PayPal, href: str
) -> None:
    server.says("GET", ONE_PAGE, original())
    with pytest.raises(OutcomeUnknown, match="no link to the original"):
        submitted(server, paypal, duplicate(href.format(url=server.url, page=ONE_PAGE)))
    assert not server.asked("GET", ONE_PAGE)


@pytest.mark.parametrize("name", ["VALIDATION_ERROR", "INVALID_REQUEST", "DUPLICATE_REQUEST_ID"])
@pytest.mark.parametrize("field", ["sender_batch_header/sender_batch_id", "SENDER_BATCH_ID", "x"])
def test_a_duplicate_under_another_name_is_answered_with_its_original_too(
    server: PayPalServer, paypal: PayPal, name: str, field: str
) -> None:
    server.says("GET", ONE_PAGE, original())
    words = detail(field, link=server.url + ONE_PAGE)
    assert submitted(server, paypal, problem(400, name, words)) == Accepted("BATCH1")


def test_two_originals_are_none(server: PayPalServer, paypal: PayPal) -> None:
    pages = [f"{PAYOUTS}/ONE", f"{PAYOUTS}/TWO"]
    for each in pages:
        server.says("GET", each, original())
    details = [detail("x", link=server.url + each) for each in pages]
    with pytest.raises(OutcomeUnknown, match="links to several batches"):
        submitted(server, paypal, problem(400, "USER_BUSINESS_ERROR", *details))


NOT_OURS = "the linked batch BATCH1 has another sender_batch_id"
ORIGINALS = {
    "another batch": (original("not ours"), NOT_OURS),
    "no batch id": (Says(200, {"batch_header": {"payout_batch_id": "BATCH1"}}), NOT_OURS),
    "not found": (problem(404, "INVALID_RESOURCE_ID"), "INVALID_RESOURCE_ID"),
    "not allowed": (problem(403, "NOT_AUTHORIZED"), "NOT_AUTHORIZED"),
    "limited": (problem(429, "RATE_LIMIT_REACHED"), "RATE_LIMIT_REACHED"),
    "broken": (problem(500, "INTERNAL_ERROR"), "INTERNAL_ERROR"),
    "no JSON": (Says(200, b"?"), "UNREADABLE_ANSWER"),
    "reset": (Resets(), "NO_ANSWER"),
}


@pytest.mark.parametrize(("answer", "reason"), ORIGINALS.values(), ids=ORIGINALS)
def test_an_original_that_is_not_certainly_ours_stays_unknown(
    server: PayPalServer, paypal: PayPal, answer: Any, reason: str
) -> None:
    server.says("GET", ONE_PAGE, answer)
    with pytest.raises(OutcomeUnknown, match=reason):
        submitted(server, paypal, duplicate(server.url + ONE_PAGE))


def test_a_business_error_without_a_link_is_unknown(server: PayPalServer, paypal: PayPal) -> None:
    with pytest.raises(OutcomeUnknown, match="no link to the original"):
        submitted(server, paypal, problem(400, "USER_BUSINESS_ERROR"))


def test_an_error_says_what_paypal_said_and_nobodys_address(
    server: PayPalServer, paypal: PayPal, caplog: pytest.LogCaptureFixture
) -> None:
    issue = "The batch of ann@example.com (+1 555 0100) exceeds the limit " + "again " * 50
    with pytest.raises(OutcomeUnknown) as raised:
        submitted(server, paypal, problem(400, "USER_BUSINESS_ERROR", detail("x", issue)))
    assert '"The batch of … … … … exceeds the limit again again' in str(raised.value)
    assert '"The batch of … … … … exceeds the limit again again' in caplog.text
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("field", ["SENDER_BATCH_ID", "sender_batch_header.sender_batch_id"])
def test_no_word_about_the_batch_id_is_a_refusal(
    server: PayPalServer, paypal: PayPal, field: str
) -> None:
    with pytest.raises(OutcomeUnknown):
        submitted(server, paypal, problem(400, "VALIDATION_ERROR", detail(field)))


def test_a_link_of_the_sandbox_names_its_batch() -> None:
    href = "https://api.sandbox.paypal.com/v1/payments/payouts/Q6K2CE4GQ36MQ"
    answer = duplicate(href)
    said = read_problem(Answer(400, {}, answer.content), utc_now())
    assert linked_batches(said) == {"Q6K2CE4GQ36MQ"}


# --- fetch


@pytest.mark.parametrize(("raw", "status"), TRANSACTION_STATUS.items())
def test_every_status_of_the_table_is_reported(
    server: PayPalServer, paypal: PayPal, raw: str, status: Status
) -> None:
    [report] = fetched(server, paypal, page(payout_item("i-1", raw)))
    assert report.status is status
    assert report.raw_status == raw
    assert report.provider_item_id == "ITEM1"


def test_only_what_was_not_paid_is_failed() -> None:
    failed = {raw for raw, status in TRANSACTION_STATUS.items() if status is Status.FAILED}
    assert failed == {"FAILED", "DENIED"}  # PayPal: "funds were not deducted"


def test_a_status_that_is_not_in_the_table_is_kept_and_logged(
    server: PayPalServer, paypal: PayPal, caplog: pytest.LogCaptureFixture
) -> None:
    items = [payout_item("i-1", "TELEPORTED"), payout_item("i-2", "ann@example.com")]
    reports = fetched(server, paypal, page(*items))
    assert [(r.status, r.raw_status) for r in reports] == [
        (None, "TELEPORTED"),
        (None, "ann@example.com"),
    ]
    [warning] = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "TELEPORTED" in warning
    assert "ann@example.com" not in warning


def test_a_success_carries_its_transaction(server: PayPalServer, paypal: PayPal) -> None:
    reports = fetched(server, paypal, page(payout_item("i-1", "SUCCESS")))
    paid = Money(Decimal(1), "USD")
    assert reports == [
        ItemReport(
            "i-1",
            Status.SUCCEEDED,
            "SUCCESS",
            "ITEM1",
            "TX1",
            money=paid,
            receiver="ann@example.com",
        )
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"name": "RECEIVER_UNREGISTERED", "message": "long"}, None),
        ([{"name": "RECEIVER_UNREGISTERED"}], None),
        ({"name": "BRAND_NEW", "message": "Some words."}, "BRAND_NEW: Some words."),
        ({"name": "BRAND_NEW"}, "BRAND_NEW"),
        ({"message": "Only\n words."}, "Only words."),
        ({"name": 5, "message": ["x"]}, ""),
        ({}, ""),
        ([], ""),
        ("text", ""),
    ],
)
def test_a_reason_is_in_paypals_words(
    server: PayPalServer, paypal: PayPal, error: Any, reason: str | None
) -> None:
    item = payout_item("i-1", "FAILED") | {"errors": error}
    [report] = fetched(server, paypal, page(item))
    known = f"RECEIVER_UNREGISTERED: {ITEM_ERRORS['RECEIVER_UNREGISTERED']}"
    assert report.reason == (known if reason is None else reason or None)


def test_the_words_of_the_table_fit_a_record() -> None:
    assert all(len(f"{name}: {words}") <= 200 for name, words in ITEM_ERRORS.items())


@pytest.mark.parametrize(
    ("batch", "item", "status"),
    [
        ("DENIED", "PENDING", Status.FAILED),
        ("DENIED", None, Status.FAILED),
        ("DENIED", "NEW", Status.FAILED),
        ("DENIED", "FAILED", Status.FAILED),
        ("DENIED", "SUCCESS", Status.SUCCEEDED),
        ("DENIED", "UNCLAIMED", Status.UNCLAIMED),
        ("DENIED", "ONHOLD", Status.SUBMITTED),
        ("DENIED", "SOMETHING_NEW", None),
        ("CANCELED", "PENDING", Status.CANCELLED),
        ("PENDING", None, None),
        ("PROCESSING", "PENDING", Status.SUBMITTED),
        ("SUCCESS", "PENDING", Status.SUBMITTED),
        ("SOMETHING_NEW", "PENDING", Status.SUBMITTED),
    ],
)
def test_a_batch_speaks_for_the_items_that_it_left_out(
    server: PayPalServer, paypal: PayPal, batch: str, item: str | None, status: Status | None
) -> None:
    [report] = fetched(server, paypal, page(payout_item("i-1", item), status=batch))
    assert report.status is status
    if batch in {"DENIED", "CANCELED"} and item in {None, "PENDING"}:
        assert report.reason == f"batch {batch}: it was not processed"


def test_an_items_own_error_says_more_than_its_batch(server: PayPalServer, paypal: PayPal) -> None:
    item = payout_item("i-1", "PENDING", error={"name": "SELF_PAY_NOT_ALLOWED"})
    [report] = fetched(server, paypal, page(item, status="DENIED"))
    assert report.reason == "SELF_PAY_NOT_ALLOWED: you can't send a payout to yourself"


def test_all_pages_are_read(server: PayPalServer, paypal: PayPal) -> None:
    def answer(seen: Any) -> Says:
        number = int(seen.query["page"])
        return page(payout_item(f"i-{number}", "SUCCESS"), total_pages=3, total_items=3)

    server.says("GET", ONE_PAGE, answer)
    assert [r.item_id for r in paypal.fetch(ACCEPTED)] == ["i-1", "i-2", "i-3"]
    assert [seen.query for seen in server.asked("GET", ONE_PAGE)] == [
        {"page": str(number), "page_size": "1000", "total_required": "true"} for number in (1, 2, 3)
    ]


def test_pages_end_where_their_number_is_not_told(server: PayPalServer, paypal: PayPal) -> None:
    full = [payout_item(f"i-{number}", "SUCCESS") for number in range(1000)]
    server.says("GET", ONE_PAGE, page(*full), page(payout_item("i-last", "SUCCESS")))
    assert len(paypal.fetch(ACCEPTED)) == 1001
    assert len(server.asked("GET", ONE_PAGE)) == 2
    assert paypal.poll_calls(replace(ACCEPTED, size=1001)) == 2


@pytest.mark.parametrize(("size", "calls"), [(1, 1), (1000, 1), (1001, 2), (15_000, 15)])
def test_a_poll_is_a_call_for_each_page(paypal: PayPal, size: int, calls: int) -> None:
    assert paypal.poll_calls(replace(ACCEPTED, size=size)) == calls


def test_pages_that_repeat_themselves_end(server: PayPalServer, paypal: PayPal) -> None:
    server.says("GET", ONE_PAGE, page(payout_item("i-1", "SUCCESS"), total_pages=1000))
    assert len(paypal.fetch(ACCEPTED)) == 1
    assert len(server.asked("GET", ONE_PAGE)) == 2


@pytest.mark.parametrize("items", [None, "x", {}, [None, 1, "x", {}, {"payout_item": None}]])
def test_items_of_any_shape_are_nobodys(
    server: PayPalServer, paypal: PayPal, items: object
) -> None:
    body = {"batch_header": header("BATCH1", BATCH.batch_id), "items": items}
    assert fetched(server, paypal, Says(200, body)) == []


def test_a_batch_without_items_has_none_yet(server: PayPalServer, paypal: PayPal) -> None:
    body = {"batch_header": header("BATCH1", BATCH.batch_id), "total_items": 0, "total_pages": 0}
    assert fetched(server, paypal, Says(200, body)) == []


BAD_READS = {
    "no JSON": Says(200, b"<html>"),
    "no header": Says(200, {"items": []}),
    "nothing": Says(204),
    "a redirect": Says(301, b"", {"Location": "/elsewhere"}),
    "not found": problem(404, "INVALID_RESOURCE_ID"),
    "refused": problem(400, "VALIDATION_ERROR"),
    "limited": problem(429, "RATE_LIMIT_REACHED"),
    "broken": problem(500, "INTERNAL_ERROR"),
    "reset": Resets(),
}


@pytest.mark.parametrize("answer", BAD_READS.values(), ids=BAD_READS)
def test_a_look_that_fails_can_be_taken_again(
    server: PayPalServer, paypal: PayPal, answer: Any
) -> None:
    with pytest.raises(NotSent):
        fetched(server, paypal, answer)


def test_a_look_that_is_not_allowed_needs_a_person(server: PayPalServer, paypal: PayPal) -> None:
    with pytest.raises(Misconfigured):
        fetched(server, paypal, problem(403, "NOT_AUTHORIZED"))


def test_a_page_that_fails_fails_the_look(server: PayPalServer, paypal: PayPal) -> None:
    first = page(payout_item("i-1", "SUCCESS"), total_pages=2)
    server.says("GET", ONE_PAGE, first, problem(500, "INTERNAL_ERROR"))
    with pytest.raises(NotSent):
        paypal.fetch(ACCEPTED)


def test_a_batch_that_was_not_accepted_cannot_be_looked_at(paypal: PayPal) -> None:
    with pytest.raises(NotSent):
        paypal.fetch(BATCH)


# --- cancel


def test_a_cancelled_item_is_returned(server: PayPalServer, paypal: PayPal) -> None:
    server.says("POST", f"{ITEMS}/ITEM1/cancel", Says(200, payout_item("i-1", "RETURNED")))
    report = paypal.cancel("ITEM1")
    assert (report.item_id, report.status) == ("i-1", Status.RETURNED)
    assert (report.raw_status, report.provider_item_id) == ("RETURNED", "ITEM1")


@pytest.mark.parametrize("name", sorted(CANCEL_REFUSED))
def test_an_item_that_cannot_be_cancelled_says_what_it_is(
    server: PayPalServer, paypal: PayPal, name: str
) -> None:
    server.says("POST", f"{ITEMS}/ITEM1/cancel", problem(400, name))
    server.says("GET", f"{ITEMS}/ITEM1", Says(200, payout_item("i-1", "SUCCESS")))
    assert paypal.cancel("ITEM1").status is Status.SUCCEEDED


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(500, "INTERNAL_ERROR"), OutcomeUnknown),
        (problem(500, "ITEM_CANCELLATION_FAILED"), OutcomeUnknown),
        (problem(400, "SOMETHING_NEW"), OutcomeUnknown),
        (Says(200, {"payout_item_id": "ITEM1"}), OutcomeUnknown),
        (Says(200, b"?"), OutcomeUnknown),
        (Resets(), OutcomeUnknown),
        (problem(429, "RATE_LIMIT_REACHED"), NotSent),
        (problem(403, "NOT_AUTHORIZED"), Misconfigured),
        (problem(404, "INVALID_RESOURCE_ID"), Misconfigured),
        (problem(400, "VALIDATION_ERROR"), Misconfigured),
    ],
)
def test_a_cancellation_that_fails(
    server: PayPalServer, paypal: PayPal, answer: Any, kind: type[Exception]
) -> None:
    server.says("POST", f"{ITEMS}/ITEM1/cancel", answer)
    with pytest.raises(kind):
        paypal.cancel("ITEM1")


@pytest.mark.parametrize("answer", [problem(500, "INTERNAL_ERROR"), Says(200, {}), Resets()])
def test_a_refused_cancellation_whose_item_cannot_be_read_did_nothing(
    server: PayPalServer, paypal: PayPal, answer: Any
) -> None:
    server.says("POST", f"{ITEMS}/ITEM1/cancel", problem(400, "ITEM_INCORRECT_STATUS"))
    server.says("GET", f"{ITEMS}/ITEM1", answer)
    with pytest.raises(NotSent):
        paypal.cancel("ITEM1")


def test_an_item_id_cannot_leave_its_path(server: PayPalServer, paypal: PayPal) -> None:
    with pytest.raises(Misconfigured):
        paypal.cancel("../payouts?x=#")
    assert server.seen[-1].path == f"{ITEMS}/..%2Fpayouts%3Fx%3D%23/cancel"


# --- what it declares


@pytest.mark.parametrize(
    ("url", "description"),
    [
        ("https://api-m.paypal.com", "PayPal LIVE (api-m.paypal.com)"),
        ("https://api.paypal.com", "PayPal LIVE (api.paypal.com)"),
        ("https://api-m.sandbox.paypal.com", "PayPal sandbox (api-m.sandbox.paypal.com)"),
        ("http://127.0.0.1:8001", "PayPal simulator (127.0.0.1:8001)"),
        ("https://user:password@paypal.example", "PayPal at paypal.example"),
    ],
)
def test_the_description_says_where_the_money_goes(url: str, description: str) -> None:
    assert PayPal(settings_for(url), utc_now).description == description


def test_the_batch_size_is_the_set_one_up_to_paypals() -> None:
    assert PayPal(settings_for("https://x", batch_size=500), utc_now).batch_size == 500
    assert PayPal(settings_for("https://x", batch_size=99_999), utc_now).batch_size == 15_000


def test_three_currencies_have_no_decimals() -> None:
    assert {code for code, rule in CURRENCIES.items() if rule.decimals == 0} == {
        "HUF",
        "JPY",
        "TWD",
    }
    assert all(rule.decimals in {0, 2} for rule in CURRENCIES.values())
    assert all(re.fullmatch("[A-Z]{3}", code) for code in CURRENCIES)


def test_no_maximum_is_below_what_paypal_publishes() -> None:
    # "$20,000.00 USD or its equivalent in local currency by default": a currency worth less
    # than a dollar has more of it, and the few worth more are not worth three.
    assert CURRENCIES["USD"].maximum == Decimal(60_000)
    assert all(rule.maximum >= 3 * 20_000 for rule in CURRENCIES.values())


def test_the_maximum_is_a_setting_that_counts_for_every_currency() -> None:
    def most(dollars: str) -> dict[str, Decimal]:
        environ = {"PAYMENTAPP_PAYPAL_MAXIMUM": dollars} if dollars else {}
        settings = Variables(environ).load(PayPalSettings)
        return {code: each.maximum for code, each in PayPal(settings, utc_now).currencies.items()}

    assert most("") == {code: rule.maximum for code, rule in CURRENCIES.items()}
    raised = most("100000.01")
    assert (raised["USD"], raised["EUR"], raised["JPY"]) == (
        Decimal("100000.01"),
        Decimal("125000.01"),
        Decimal(20_000_002),
    )
    lowered = most("600")
    assert (lowered["USD"], lowered["HUF"]) == (Decimal(600), Decimal(300_000))
    for wrong in ("0", "-1", "1.001", "1e9", "NaN", "sixty"):
        with pytest.raises(SettingsError, match="PAYMENTAPP_PAYPAL_MAXIMUM"):
            most(wrong)


def test_every_batch_status_of_the_description_is_in_the_table() -> None:
    assert set(BATCH_STATUS) == {"DENIED", "PENDING", "PROCESSING", "SUCCESS", "CANCELED"}


def test_a_batch_is_what_it_was_when_it_is_sent_again(server: PayPalServer, paypal: PayPal) -> None:
    server.says("POST", PAYOUTS, problem(500, "INTERNAL_ERROR"), created("B", BATCH.batch_id))
    with pytest.raises(OutcomeUnknown):
        paypal.submit(BATCH, TWO)
    assert isinstance(BATCH, Batch)
    assert paypal.submit(BATCH, TWO) == Accepted("B")
    first, second = server.asked("POST", PAYOUTS)
    assert first.body == second.body
