"""The simulator's page for developers."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from simulators import PayPalSimulatorSettings, create_simulator
from simulators.bank import BankBooks
from simulators.bank.records import BankEntry
from simulators.openach.settings import CREDIT_TYPE

from .support import PAYOUTS, Api, batch, item


def page(api: Api, path: str = "/") -> str:
    answer = api.app.test_client().get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    return answer.text


def test_an_empty_page_says_how_to_begin(api: Api) -> None:
    text = page(api)
    assert "Nothing has been paid yet." in text
    assert "POST http://localhost/v1/payments/payouts" in text


def test_what_was_paid_is_listed_with_its_totals(api: Api) -> None:
    api.pay(item("ann@example.com", "10.00"), item("fail@example.com", "2.50"))
    api.pay(item("yuki@example.com", "900", currency="JPY"), sender_batch_id="b-2")
    api.clock.pass_by(seconds=2)
    text = page(api)
    receivers = re.findall(r'class="who">([^<\s]+)', text)
    assert receivers == ["yuki@example.com", "fail@example.com", "ann@example.com"]
    assert "<b>10.00</b> USD" in text
    assert "<b>900</b> JPY" in text
    assert "3 items accepted" in text
    assert "RECEIVER_<wbr>ACCOUNT_<wbr>LOCKED" in text


def test_what_came_from_outside_is_escaped(api: Api) -> None:
    script = "<script>alert(1)</script>"
    api.pay(item(note=script, sender_item_id=script), sender_batch_id=script)
    api.get(f"{PAYOUTS}/<script>")
    text = page(api)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 4


def test_the_page_needs_nothing_from_elsewhere(api: Api) -> None:
    api.pay()
    text = page(api)
    assert not re.findall(r'(?:src|@import|url\()\s*=?\s*["\']?https?:', text)
    assert '<link rel="icon" href="data:,">' in text


def test_payouts_are_paged(api: Api) -> None:
    api.pay(*[item(f"r{n}@example.com") for n in range(45)])
    first, last = page(api), page(api, "/?page=3")
    assert "Page 1 of 3" in first
    assert "r44@example.com" in first
    assert "r0@example.com" not in first
    assert "r0@example.com" in last
    assert "Page 3 of 3" in page(api, "/?page=99")
    assert "Page 1 of 3" in page(api, "/?page=x")


def test_calls_settings_and_outcomes_are_shown(api: Api) -> None:
    api.control("PUT", "settings", json={"settle_delay": 7.5})
    api.post(PAYOUTS, batch(item(note="ERRPYO005")))
    text = page(api)
    assert re.search(r"POST /v1/payments/payouts</code></td>\s*<td[^>]*><span[^>]*>422", text)
    assert re.search(r"settle_delay</code>.*?7\.5</td>", text, re.DOTALL)
    for shown in ("unclaimed…@", "later REFUNDED", "ERRPYO040", "CIP_<wbr>NOT_<wbr>VERIFIED"):
        assert shown in text


def test_sums_are_of_what_succeeded(api: Api) -> None:
    api.pay(item("ann@example.com", "10.00"), item("fail@example.com", "2.50"))
    api.pay(item("unclaimed@example.com", "3.00", currency="EUR"), sender_batch_id="b-2")
    api.clock.pass_by(seconds=2)
    text = page(api)
    assert "<b>10.00</b> USD" in text
    assert "<b>0.00</b> EUR" in text
    assert re.search(r"FAILED</span>\s*&times; 1</span><span>2\.50", text)
    assert re.search(r"UNCLAIMED</span>\s*&times; 1</span><span>3\.00", text)


def stripe_moves(api: Api, *moves: dict[str, object]) -> None:
    """Record moves of Stripe, without its API."""
    stripe = api.app.extensions["stripe_simulator"]
    with stripe.books() as books:
        for number, move in enumerate(moves):
            of_all = {"account": "acct_platform", "currency": "USD", "metadata": {}}
            books.add({"id": f"tr_{number}", **of_all, **move})


def test_what_stripe_moved_is_shown(api: Api) -> None:
    to = {"kind": "transfer", "destination": "acct_simok0001"}
    back = {"kind": "reversal", "destination": "acct_simok0001", "transfer": "tr_1"}
    stripe_moves(api, {**to, "amount": 1000}, {**to, "amount": 500}, {**back, "amount": 500})
    text = page(api)
    assert "acct_simok0001" in text
    assert "<b>10.00</b> USD" in text
    assert re.search(r"transfer made</span>\s*&times; 1</span><span>10\.00", text)
    assert re.search(r"transfer reversed</span>\s*&times; 1</span><span>5\.00", text)


def test_what_openach_has_to_pay_is_shown(api: Api) -> None:
    assert "OpenACH has nothing to pay yet." in page(api)
    for number, amount in (("000123456789", "25.00"), ("R0312345", "4.00")):
        schedule_at_openach(api, number, amount)
    assert "waits for a nightly run" in page(api)
    api.app.test_client().post("/_simulator/openach/run")
    text = page(api)
    assert "<b>25.00</b> USD" in text
    assert re.search(r"returned R03</span>\s*&times; 1</span><span>4\.00", text)
    assert "000123456789" not in text
    assert "…6789" in text


def schedule_at_openach(api: Api, number: str, amount: str) -> None:
    """Have OpenACH pay an account, by its API."""
    credentials = {"user_api_token": "simulator", "user_api_key": "simulator"}
    client = api.app.test_client(use_cookies=False)
    session = client.post("/openach/api/connect", data=credentials).get_json(force=True)
    openach = api.app.extensions["openach_simulator"]
    with openach.books() as books:
        day = books.today
    form = {
        "payment_profile_external_id": f"pay-{amount}",
        "payment_profile_email_address": "ann@example.com",
        "payment_profile_last_name": "Lee",
        "external_account_type": "checking",
        "external_account_holder": "Ann Lee",
        "external_account_country_code": "US",
        "external_account_dfi_id": "021000021",
        "external_account_number": number,
        "payment_schedule_payment_type_id": CREDIT_TYPE,
        "payment_schedule_amount": amount,
        "payment_schedule_currency_code": "USD",
        "payment_schedule_next_date": str(day),
        "payment_schedule_end_date": str(day + timedelta(days=60)),
        "payment_schedule_frequency": "once",
        "payment_schedule_remaining_occurrences": "1",
    }
    cookie = {"Cookie": f"PHPSESSID={session['session_id']}"}
    answer = client.post("/openach/api/savePaymentProfileComplete", data=form, headers=cookie)
    assert answer.get_json(force=True)["success"], answer.text


def test_what_the_bank_booked_is_shown(tmp_path: Path) -> None:
    books = BankBooks(tmp_path / "books.db")
    entry = BankEntry(
        *("PPD", "1234567890", "PAYMENTAPP", "260302", "22", "021000021", "000123456789"),
        *(1250, "id", "ADA LOVELACE", "091000010000001"),
    )
    returned = entry._replace(account="R03", cents=400, name="BOB")
    prenote = entry._replace(code="23", cents=0, name="NOBODY")
    books.enter("taken", "one.ach", 0, [(entry, None, 0), (returned, "R03", 0), (prenote, None, 0)])
    books.answered([each.entry_id for each in books.due(1)])
    books.close()
    app = create_simulator(PayPalSimulatorSettings(bank_books=str(tmp_path / "books.db")))
    text = app.test_client().get("/").text
    assert "<b>12.50</b> USD" in text
    assert "ADA LOVELACE" in text
    assert "000123456789" not in text
    assert "…6789" in text
    assert re.search(r"returned R03</span>\s*&times; 1</span><span>4\.00", text)
    assert "NOBODY" not in text


def test_a_bank_that_has_booked_nothing_is_no_error(tmp_path: Path) -> None:
    for there in (True, False):
        file = tmp_path / "books.db"
        if there:
            BankBooks(file).close()
        else:
            file.unlink()
        app = create_simulator(PayPalSimulatorSettings(bank_books=str(file)))
        assert "The bank has booked nothing yet." in app.test_client().get("/").text
    assert not (tmp_path / "books.db").exists()
