"""Bulk runs in the console: a file is checked, then paid; runs are followed and decided as one."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.models.actors import APPROVE, HOLD
from paymentapp.models.bulk import BulkStatus
from paymentapp.models.payments import Status
from tests.console.conftest import ConsoleBench, Person

HEADER = "customer_id,email,amount,currency,reference\n"
GOOD = "ada,ada@example.com,12.50,USD,r1\n"
BAD = "bob,b@example.com,-3,USD,r2\n"
WRITE = "payments:write"
_KEY = re.compile(r'name="idempotency_key" value="([^"]+)"')


@pytest.fixture
def console() -> ConsoleBench:
    bench = ConsoleBench()
    bench.add_customer()
    return bench


def upload(
    person: Person, content: str | bytes = HEADER + GOOD + BAD, key: str = "", **fields: Any
) -> TestResponse:
    """Send a file as the form does."""
    data = content.encode() if isinstance(content, str) else content
    found = _KEY.search(person.see("/bulk"))
    assert found is not None
    fields = {"idempotency_key": key or found[1], "mode": "each", **fields}
    return person.send("/bulk", file=(io.BytesIO(data), "june.csv"), **fields)


def work_off(console: ConsoleBench) -> None:
    while console.services.bulk_runner.advance():
        pass


def checked(console: ConsoleBench, **options: Any) -> str:
    """Return the path of a dry run that is complete."""
    answer = upload(console.person, **options)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    work_off(console)
    return answer.headers["Location"].removeprefix("/console")


def paid(console: ConsoleBench, mode: str = "each", **options: Any) -> str:
    """Return the path of a run that has paid what a dry run had checked."""
    path = checked(console, **options)
    answer = console.person.send(f"{path}/pay", mode=mode)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    work_off(console)
    return answer.headers["Location"].removeprefix("/console").partition("?")[0]


def payments(console: ConsoleBench) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = console.client.get("/v1/api/payment").get_json()["payments"]
    return found


# --- a file is checked


def test_a_file_is_checked_and_nothing_is_paid(console: ConsoleBench) -> None:
    page = console.person.see(checked(console))
    assert "Dry run" in page
    assert "12.50 USD" in page
    assert ">3</th>" in page  # the line
    assert "<code>amount</code>" in page
    assert "The value is negative: a payment is greater than 0." in page
    assert payments(console) == []


def test_all_errors_are_downloaded_with_formulas_made_harmless(console: ConsoleBench) -> None:
    rows = HEADER + BAD * 60 + "=1+1,b@example.com,1,USD,\n"
    path = checked(console, content=rows)
    assert "Next page" in console.person.see(path)
    answer = console.person.client.get(f"/console{path}/errors.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    lines = answer.get_data(as_text=True).splitlines()
    assert lines[0] == "line,customer_id,column,what_is_wrong"
    assert lines[1] == "2,bob,amount,The value is negative: a payment is greater than 0."
    assert len(lines) > 61
    assert not [line for line in lines if "=1+1" in line and "'=1+1" not in line]


def test_errors_that_cannot_be_read_to_the_end_are_no_complete_file(
    console: ConsoleBench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcomes(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("busy")

    path = checked(console, content=HEADER + BAD)
    monkeypatch.setattr(type(console.services.bulk_runs), "outcomes", outcomes)
    with pytest.raises(ConnectionAbortedError):
        console.person.client.get(f"/console{path}/errors.csv").get_data()
    bulk_id = path.rpartition("/")[2]
    assert f"the list of errors of bulk run {bulk_id} ends before its end" in caplog.text


def test_rows_may_be_pasted_from_a_spreadsheet(console: ConsoleBench) -> None:
    text = (HEADER + GOOD).replace(",", "\t").replace("\n", "\r\n")
    answer = console.person.send("/bulk", text=text, mode="all", idempotency_key="0" * 32)
    work_off(console)
    page = console.person.see(answer.headers["Location"].removeprefix("/console"))
    assert "Every row is fine." in page


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("customer_id,emil\n", "Line 1"),
        (HEADER, "There are no rows"),
        (HEADER + 'ada,"x"y,1,USD,\n', "A quoted value is not closed properly"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_line(
    console: ConsoleBench, content: str, words: str
) -> None:
    answer = upload(console.person, content)
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)
    assert "No file has been sent yet." in console.person.see("/bulk")


def test_neither_a_file_nor_rows_or_both_is_no_run(console: ConsoleBench) -> None:
    answer = console.person.send("/bulk", mode="all", idempotency_key="0" * 32)
    assert answer.status_code == 422
    assert "Choose a file, or paste rows." in answer.get_data(as_text=True)
    answer = upload(console.person, text="customer_id")
    assert answer.status_code == 422
    assert "not both" in answer.get_data(as_text=True)


def test_a_form_that_is_sent_twice_is_one_check_and_another_file_another_one(
    console: ConsoleBench,
) -> None:
    key = "a" * 32
    first, again = upload(console.person, key=key), upload(console.person, key=key)
    other = upload(console.person, HEADER + GOOD, key=key)
    assert first.headers["Location"] == again.headers["Location"] != other.headers["Location"]


def test_a_file_that_is_too_large_is_refused_before_it_is_read(console: ConsoleBench) -> None:
    answer = console.person.client.post(
        "/console/bulk",
        data=b"x" * 1000,
        content_type="multipart/form-data; boundary=b",
        environ_overrides={"CONTENT_LENGTH": str(40_000_000)},
    )
    assert answer.status_code == 413
    assert "at most 32 MB" in answer.get_data(as_text=True)


def test_a_file_without_the_token_of_the_session_is_refused(console: ConsoleBench) -> None:
    console.person.csrf_token = "wrong"
    assert upload(console.person).status_code == 403
    assert "No file has been sent yet." in console.person.see("/bulk")


def test_hostile_texts_are_shown_as_text(console: ConsoleBench) -> None:
    path = checked(console, content=HEADER + "<script>x</script>,<script>@x,1,USD,r\n")
    text = console.person.client.get(f"/console{path}").get_data(as_text=True)
    assert "<script>x" not in text
    assert "&lt;script&gt;" in text or "Not" in text


def test_the_template_names_every_column(person: Person) -> None:
    line = person.client.get("/console/bulk/template.csv").get_data(as_text=True)
    assert line.startswith("customer_id,email,amount,currency,")


# --- its rows are paid


def test_what_was_checked_is_paid_once_however_often_it_is_sent(console: ConsoleBench) -> None:
    path = checked(console)
    page = console.person.see(f"{path}/pay")
    assert "Pay 1 row?" in page
    assert "12.50 USD" in page
    assert "rows are left out" in page
    first = console.person.send(f"{path}/pay", mode="each")
    again = console.person.send(f"{path}/pay", mode="all")
    assert first.headers["Location"].endswith("?done=paid")
    assert again.headers["Location"] == f"{first.headers['Location']}-before"
    work_off(console)
    (payment,) = payments(console)
    assert (payment["amount"], payment["created_by"]) == (12.5, "test")
    assert "These rows are paid by" in console.person.see(path)
    assert "These rows are paid already." in console.person.see(f"{path}/pay")


def test_only_who_had_the_rows_checked_can_have_them_paid(console: ConsoleBench) -> None:
    path = checked(console)
    other = console.somebody("other", "read", WRITE)
    assert "Only test, who had these rows checked" in other.see(path)
    assert "Only test" in other.see(f"{path}/pay")
    assert other.send(f"{path}/pay", mode="each").status_code == 403
    assert payments(console) == []


def test_a_run_that_is_no_complete_dry_run_is_not_paid_again(console: ConsoleBench) -> None:
    run = paid(console)
    assert console.person.send(f"{run}/pay", mode="each").status_code == 409
    waiting = upload(console.person, HEADER + GOOD).headers["Location"].removeprefix("/console")
    assert console.person.send(f"{waiting}/pay", mode="each").status_code == 409
    assert len(payments(console)) == 1


def test_unknown_customers_are_registered_where_that_was_ticked(console: ConsoleBench) -> None:
    paid(console, content=HEADER + "eve,eve@example.com,1,USD,r3\n", register="yes")
    assert [each["customer_id"] for each in payments(console)] == ["eve"]


def test_who_may_not_register_customers_is_not_offered_to(console: ConsoleBench) -> None:
    other = console.somebody("other", "read", WRITE)
    assert "customers:write" in other.see("/bulk")
    assert upload(other, register="yes").status_code == 403


def test_a_run_shows_its_rows_with_their_payments(console: ConsoleBench) -> None:
    run = paid(console)
    page = console.person.see(run, rows="all")
    (payment,) = payments(console)
    assert payment["payment_id"] in page
    assert '<span class="tag">pending</span>' in page
    assert "Not fine:" in page
    assert "bob" not in console.person.see(run, rows="fine")


# --- a run is followed and decided


def test_a_run_shows_its_payments_by_status(console: ConsoleBench) -> None:
    run = paid(console)
    page = console.person.see(run)
    assert "Its payments" in page
    assert '<span class="figure">1</span> <span class="tag">pending</span>' in page


def test_a_run_that_goes_on_is_asked_for_again_until_it_ends(console: ConsoleBench) -> None:
    path = upload(console.person).headers["Location"].removeprefix("/console")
    assert f'hx-get="/console{path}/progress"' in console.person.see(path)
    assert "HX-Refresh" not in console.person.client.get(f"/console{path}/progress").headers
    work_off(console)
    part = console.person.client.get(f"/console{path}/progress")
    assert part.headers["HX-Refresh"] == "true"
    assert "hx-get" not in part.get_data(as_text=True)


def held(console: ConsoleBench) -> str:
    path = checked(console, content=HEADER + GOOD)
    answer = console.person.send(f"{path}/pay", mode="each")
    return answer.headers["Location"].removeprefix("/console").partition("?")[0]


def test_a_run_is_held_and_released(console: ConsoleBench) -> None:
    run = held(console)
    assert "Hold this run?" in console.person.see(f"{run}/hold")
    assert console.person.send(f"{run}/hold", text=" ").status_code == 422
    assert console.person.send(f"{run}/hold", text="wrong month").status_code == 303
    work_off(console)
    page = console.person.see(run)
    assert "Held by test: wrong month" in page
    assert payments(console) == []
    assert console.person.send(f"{run}/release").status_code == 303
    work_off(console)
    assert len(payments(console)) == 1


def test_a_hold_of_a_run_is_said_to_stop_its_payments_and_no_others(console: ConsoleBench) -> None:
    run = paid(console)
    console.pay()
    bulk_id = run.rpartition("/")[2]
    stop = {"scope": "bulk", "value_bulk": bulk_id, "reason": "wrong month"}
    page = console.person.send("/holds/confirm", **stop).get_data(as_text=True)
    assert f"Stop bulk run {bulk_id}, with the payments that it has made?" in page
    assert "until the hold is released: <strong>1 payment</strong>" in page
    wrong = console.person.send("/holds/confirm", **stop | {"value_bulk": ""})
    assert "Give the id of the bulk run." in wrong.get_data(as_text=True)


def test_a_payment_of_a_held_run_says_that_its_run_is_held(console: ConsoleBench) -> None:
    run = paid(console)
    console.person.send(f"{run}/hold", text="wrong month")
    (payment,) = payments(console)
    page = console.person.see(f"/payments/{payment['customer_id']}/{payment['payment_id']}")
    assert "Its bulk run is held, with all payments of it," in page
    assert "wrong month" in page


def test_a_run_is_cancelled_with_the_payments_that_have_not_left(console: ConsoleBench) -> None:
    run = paid(console)
    assert "That is final" in console.person.see(f"{run}/cancel")
    assert console.person.send(f"{run}/cancel").status_code == 303
    work_off(console)
    assert [each["status"] for each in payments(console)] == [Status.CANCELLED]
    assert "Last order" in console.person.see(run)


def test_a_run_is_approved_by_somebody_else() -> None:
    console = ConsoleBench(Settings(approvals="all: 1"))
    console.add_customer()
    run = paid(console)
    page = console.person.see(run)
    assert "somebody else approves or rejects it" in page
    assert "Approve this run…" not in page
    assert console.person.send(f"{run}/approve").status_code == 403
    other = console.somebody("grace", "read", APPROVE)
    question = other.see(f"{run}/approve")
    assert "the money leaves" in question
    assert '<span class="figure">1</span> of them await approval' in question
    assert other.send(f"{run}/approve", text="seen the list").status_code == 303
    work_off(console)
    assert [each["status"] for each in payments(console)] == [Status.PENDING]


def test_a_run_is_rejected_with_a_reason() -> None:
    console = ConsoleBench(Settings(approvals="all: 1"))
    console.add_customer()
    run = paid(console)
    other = console.somebody("grace", "read", APPROVE)
    assert other.send(f"{run}/reject").status_code == 422
    assert other.send(f"{run}/reject", text="nobody knows it").status_code == 303
    work_off(console)
    assert [each["status"] for each in payments(console)] == [Status.REJECTED]


@pytest.mark.parametrize("order", ["approve", "reject", "hold", "release", "cancel"])
def test_who_lacks_the_right_sees_which_one_and_is_refused(
    console: ConsoleBench, order: str
) -> None:
    run = held(console)
    reader = console.somebody("reader", "read")
    assert f"{run}/{order}" not in reader.see(run)
    assert reader.send(f"{run}/{order}", text="x").status_code == 403
    assert reader.send("/bulk", text=HEADER + GOOD).status_code == 403
    assert "payments:write" in reader.see("/bulk")
    found = console.services.bulk_runs.get(run.removeprefix("/bulk/"))
    assert (found.status, found.held_by, found.order) == (BulkStatus.ACCEPTING, "", None)


def test_runs_are_listed_by_page(console: ConsoleBench) -> None:
    for _ in range(26):
        upload(console.person)
    page = console.person.see("/bulk")
    assert page.count("dry run</span>") == 25
    found = re.search(r'href="\?cursor=([^"]+)"', page)
    assert found is not None
    assert console.person.see("/bulk", cursor=found[1]).count("dry run</span>") == 1
    assert console.person.client.get("/console/bulk?cursor=x").status_code == 400


def test_a_holder_cancels_runs_of_other_clients(console: ConsoleBench) -> None:
    run = held(console)
    writer = console.somebody("writer", "read", WRITE)
    assert "Another client's run" in writer.see(run)
    assert writer.send(f"{run}/cancel").status_code == 403
    holder = console.somebody("holder", "read", HOLD)
    assert holder.send(f"{run}/cancel").status_code == 303
