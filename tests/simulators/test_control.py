"""Settings, ledger and counts, by endpoints that PayPal does not have."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.common.settings import InvalidSetting
from simulators.paypal.settings import (
    PayPalSimulatorSettings,
    from_environment,
    setting_fields,
    variable,
)

from .support import PAYOUTS, Api, batch, item


def test_settings_can_be_read_changed_and_put_back(api: Api) -> None:
    before = api.control("GET", "settings").get_json()
    assert list(before) == [each.name for each in setting_fields()]
    answer = api.control("PUT", "settings", json={"latency": 0.5, "balance": {"USD": "1.00"}})
    assert answer.status_code == 200
    after = api.control("GET", "settings").get_json()
    assert after == before | {"latency": 0.5, "balance": {"USD": "1.00"}} == answer.get_json()
    fixed = ("host", "port", "state", "bank_books")
    changeable = {key: value for key, value in before.items() if key not in fixed}
    assert api.control("PUT", "settings", json=changeable).get_json() == before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("speed", 1),
        ("latency", "1"),
        ("latency", -1),
        ("latency", True),
        ("settle_delay", None),
        ("token_lifetime", 1.5),
        ("drop_after", 1.5),
        ("garbage", "often"),
        ("client_id", 7),
        ("webhook_id", "no-dash"),
        ("balance", {"USD": 100.0}),
        ("balance", {"usd": "100.00"}),
        ("balance", [["USD", "1"]]),
        ("faults_on", ["everything"]),
        ("faults_on", "create"),
        ("fault_seed", "x"),
        ("down", True),
        ("down", "yes"),
        ("state", "elsewhere.db"),
        ("port", 1),
    ],
)
def test_a_bad_setting_is_named_and_changes_nothing(api: Api, key: str, value: Any) -> None:
    before = api.control("GET", "settings").get_json()
    answer = api.control("PUT", "settings", json={"settle_delay": 9, key: value})
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    problem = answer.get_json()
    assert (problem["status"], problem["key"]) == (400, key)
    assert key in problem["detail"]
    assert api.control("GET", "settings").get_json() == before


def test_faults_cannot_be_more_than_certain(api: Api) -> None:
    answer = api.control("PUT", "settings", json={"drop_before": 0.6, "drop_after": 0.6})
    assert answer.status_code == 400
    assert "together must be at most 1" in answer.get_json()["detail"]


@pytest.mark.parametrize("body", ["", "[]", "{", "7"])
def test_settings_are_an_object(api: Api, body: str) -> None:
    assert api.control("PUT", "settings", data=body).status_code == 400


def test_a_secret_is_never_shown(api: Api) -> None:
    shown = api.control("PUT", "settings", json={"client_secret": "hush"}).get_json()
    assert shown["client_secret"] == "********"
    assert "hush" not in repr(PayPalSimulatorSettings(client_secret="hush"))
    api.control("PUT", "settings", json=shown | {"latency": 0.1} | {})
    same = {"client_secret": "********"}
    assert api.control("PUT", "settings", json=same).status_code == 200
    assert api.ask_token("id", "hush").status_code == 200
    assert "hush" not in api.app.test_client().get("/").text


def test_settings_come_from_the_environment() -> None:
    environ = {
        "PAYMENTAPP_SIMULATOR_PORT": "0",
        "PAYMENTAPP_SIMULATOR_SETTLE_DELAY": "0.25",
        "PAYMENTAPP_SIMULATOR_BALANCE": "USD=100.00, EUR=5",
        "PAYMENTAPP_SIMULATOR_FAULTS_ON": "create,token",
        "PAYMENTAPP_SIMULATOR_FAULT_SEED": "7",
        "PAYMENTAPP_SIMULATOR_CLIENT_ID": "",
    }
    settings = PayPalSimulatorSettings(**from_environment(environ))
    assert (settings.port, settings.settle_delay, settings.fault_seed) == (0, 0.25, 7)
    assert settings.balance == {"USD": "100.00", "EUR": "5"}
    assert (settings.faults_on, settings.client_id) == (("create", "token"), None)


@pytest.mark.parametrize(
    ("name", "text"),
    [("port", "high"), ("latency", "soon"), ("latency", "nan"), ("down", "maybe"), ("port", "-1")],
)
def test_a_bad_variable_is_named(name: str, text: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^{variable(name)}: "):
        from_environment({variable(name): text})


def test_the_ledger_is_paged_in_order_and_reset(api: Api) -> None:
    for number in range(3):
        items = [item(f"r{n}@example.com", sender_item_id=f"{number}.{n}") for n in range(2)]
        api.pay(*items, sender_batch_id=f"b-{number}")
    seen: list[str] = []
    after = 0
    while True:
        page = api.control("GET", f"ledger?limit=4&after={after}").get_json()
        seen += [entry["sender_item_id"] for entry in page["items"]]
        assert page["total"] == 6
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == ["0.0", "0.1", "1.0", "1.1", "2.0", "2.1"]
    entry = api.ledger()[0]
    assert entry["amount"] == "10.00"
    assert (entry["sender_batch_id"], entry["currency"]) == ("b-0", "USD")
    assert api.control("DELETE", "ledger").get_json() == {"deleted": 6}
    assert (api.ledger(), api.control("GET", "calls").get_json()["total"]) == ([], 0)
    assert api.pay(sender_batch_id="b-0")


@pytest.mark.parametrize("query", ["limit=x", "limit=15001", "after=-1"])
def test_a_bad_ledger_page_is_refused(api: Api, query: str) -> None:
    answer = api.control("GET", f"ledger?{query}")
    assert (answer.status_code, answer.get_json()["key"]) == (400, query.partition("=")[0])


def test_calls_are_counted_by_endpoint_and_answer(api: Api) -> None:
    api.pay()
    api.post(PAYOUTS, batch())
    api.get(f"{PAYOUTS}/ERRPYO032")
    calls = api.control("GET", "calls").get_json()
    assert calls == {
        "total": 4,
        "endpoints": {
            "GET /v1/payments/payouts/{id}": {"calls": 1, "answers": {"404": 1}},
            "POST /v1/oauth2/token": {"calls": 1, "answers": {"200": 1}},
            "POST /v1/payments/payouts": {"calls": 2, "answers": {"201": 1, "400": 1}},
        },
    }
