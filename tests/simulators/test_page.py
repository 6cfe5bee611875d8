"""The simulator's page for developers."""

from __future__ import annotations

import re

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
    assert "<b>12.50</b> USD" in text
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
