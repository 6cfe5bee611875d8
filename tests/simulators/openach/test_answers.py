"""OpenACH's answers, each checked against its description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
import yaml
from flask import Flask
from openapi_schema_validator import OAS31Validator

from simulators import PayPalSimulatorSettings, create_simulator
from simulators.openach import OpenAchSimulatorSettings
from simulators.openach.settings import CREDIT_TYPE
from tests.simulators.support import FakeClock
from tests.support.published import published

DESCRIPTION = published("achbanking") / "openapi.yaml"
PROFILE = {
    "payment_profile_external_id": "pay_7f3a",
    "payment_profile_email_address": "ann@example.com",
    "payment_profile_first_name": "Ann",
    "payment_profile_last_name": "Lee",
}
ACCOUNT = {
    "external_account_type": "checking",
    "external_account_holder": "Ann Lee",
    "external_account_country_code": "US",
    "external_account_dfi_id": "101000187",
    "external_account_number": "000123456789",
    "external_account_business": "0",
}
SCHEDULE = {
    "payment_schedule_payment_type_id": CREDIT_TYPE,
    "payment_schedule_amount": "25.00",
    "payment_schedule_currency_code": "USD",
    "payment_schedule_next_date": "2026-03-04",
    "payment_schedule_frequency": "once",
    "payment_schedule_end_date": "2026-05-03",
    "payment_schedule_remaining_occurrences": "1",
}
COMPLETE = PROFILE | ACCOUNT | SCHEDULE


@cache
def description() -> Any:
    return yaml.safe_load(DESCRIPTION.read_text("utf-8")) if DESCRIPTION.is_file() else None


def check(action: str, answer: Any) -> None:
    """Fail if the description has the action, but not this answer to it."""
    document = description()
    if document is None or f"/{action}" not in document["paths"]:
        return
    content = document["paths"][f"/{action}"]["post"]["responses"]["200"]["content"]
    whole = content["text/html"]["schema"] | {"components": document["components"]}
    problems = [f"{e.json_path}: {e.message}" for e in OAS31Validator(whole).iter_errors(answer)]
    assert not problems, problems


class OpenAchClient:
    """A client in a session."""

    def __init__(self, app: Flask, clock: FakeClock) -> None:
        self.app = app
        self.clock = clock
        self.client = app.test_client()
        self.done("connect", user_api_token="simulator", user_api_key="simulator")

    def raw(self, action: str, **form: str) -> bytes:
        answer = self.client.post(f"/openach/api/{action}", data=form)
        assert answer.status_code == 200
        assert answer.mimetype == "text/html"
        return answer.get_data()

    def call(self, action: str, **form: str) -> Any:
        """Return the first object of an answer."""
        body, _ = json.JSONDecoder().raw_decode(self.raw(action, **form).decode())
        check(action, body)
        return body

    def done(self, action: str, **form: str) -> Any:
        answer = self.call(action, **form)
        assert answer["success"] is True, answer
        return answer.get("data")

    def refused(self, action: str, **form: str) -> Any:
        answer = self.call(action, **form)
        assert answer["success"] is False
        return answer["error"]

    def run(self) -> int:
        return int(self.client.post("/_simulator/openach/run").get_json()["entries"])

    def ledger(self) -> Any:
        return self.client.get("/_simulator/openach/ledger").get_json()

    def change(self, **settings: Any) -> None:
        assert self.client.put("/_simulator/openach/settings", json=settings).status_code == 200


@pytest.fixture
def api() -> Iterator[OpenAchClient]:
    clock = FakeClock()
    app = create_simulator(
        PayPalSimulatorSettings(), clock, openach_settings=OpenAchSimulatorSettings()
    )
    yield OpenAchClient(app, clock)
    app.extensions["simulator"].database.close()


def test_the_description_is_used_where_it_is() -> None:
    if description() is None:
        pytest.skip(f"there is no {DESCRIPTION}")
    with pytest.raises(AssertionError):
        check("connect", {"success": True})


def test_a_payee_is_made_in_three_steps_and_read(api: OpenAchClient) -> None:
    profile = api.done("savePaymentProfile", **PROFILE)["payment_profile_id"]
    owner = {"external_account_payment_profile_id": profile}
    account = api.done("saveExternalAccount", **ACCOUNT, **owner)["external_account_id"]
    to = {"payment_schedule_external_account_id": account}
    schedule = api.done("savePaymentSchedule", **SCHEDULE, **to)["payment_schedule_id"]
    assert api.done("getPaymentProfile", payment_profile_id=profile)
    found = api.done("getPaymentProfileByExtId", payment_profile_external_id="pay_7f3a")
    assert found["payment_profile_id"] == profile
    assert api.done("getExternalAccount", external_account_id=account)
    assert api.done("getPaymentSchedule", payment_schedule_id=schedule)
    [listed] = api.done("getExternalAccounts", payment_profile_id=profile)
    assert listed["external_account_number"] == "****6789"
    assert len(api.done("getExternalAccountsSummary", payment_profile_id=profile)) == 1
    assert len(api.done("getPaymentSchedules", payment_profile_id=profile)) == 1
    assert len(api.done("getPaymentSchedulesSummary", payment_profile_id=profile)) == 1
    assert len(api.done("getPaymentTypes")) == 2
    assert api.done("getPaymentType", payment_type_id=CREDIT_TYPE)
    assert api.done("deletePaymentProfile", payment_profile_id=profile)
    assert api.done("getPaymentSchedules", payment_profile_id=profile) == []
    api.done("disconnect")
    assert "connect first" in api.refused("getPaymentTypes")


def test_all_in_one_is_made_once_and_whole(api: OpenAchClient) -> None:
    made = api.done("savePaymentProfileComplete", **COMPLETE)
    assert made["payment_schedule"]["payment_schedule_remaining_occurrences"] == 1
    error = api.refused("savePaymentProfileComplete", **COMPLETE)
    assert "already exists" in error["external_account_number"][0]
    assert len(api.ledger()["schedules"]) == 1


def test_other_bank_details_make_a_second_payment(api: OpenAchClient) -> None:
    api.done("savePaymentProfileComplete", **COMPLETE)
    api.done("savePaymentProfileComplete", **COMPLETE | {"external_account_number": "77"})
    assert len(api.ledger()["schedules"]) == 2


def test_errors_come_in_three_shapes(api: OpenAchClient) -> None:
    assert "specified" in api.refused("connect", user_api_token="x", user_api_key="y")
    assert api.refused("savePaymentProfile", payment_profile_external_id="1") == {
        "payment_profile_email_address": ["Payment profile email address cannot be blank."]
    }
    error = api.refused("savePaymentSchedule", **SCHEDULE)
    assert "payment_schedule_external_account_id" in json.loads(error)
    assert "requested action" in api.refused("saveSingleTransaction")
    assert api.refused("getPaymentProfile") == "Your request is invalid."


def test_two_answers_are_glued_together(api: OpenAchClient) -> None:
    api.done("savePaymentProfile", **PROFILE)
    for action, form in (("savePaymentProfile", PROFILE), ("saveExternalAccount", ACCOUNT)):
        text = api.raw(action, **form).decode()
        first, end = json.JSONDecoder().raw_decode(text)
        second, _ = json.JSONDecoder().raw_decode(text[end:])
        assert first["success"] is second["success"] is False


def test_an_empty_id_finds_a_blank_template(api: OpenAchClient) -> None:
    found = api.done("getPaymentProfileByExtId", payment_profile_external_id="")
    assert set(found.values()) == {""}


def test_an_unknown_frequency_ends_in_html(api: OpenAchClient) -> None:
    form = COMPLETE | {"payment_schedule_frequency": "often"}
    assert api.raw("savePaymentProfileComplete", **form).startswith(b"<html>")
    assert api.ledger()["schedules"] == []


def test_a_session_ends_by_idleness(api: OpenAchClient) -> None:
    api.clock.pass_by(minutes=23)
    api.done("getPaymentTypes")
    api.clock.pass_by(minutes=25)
    assert "connect first" in api.refused("getPaymentTypes")


# --- the nightly run


def test_a_run_makes_an_entry_once(api: OpenAchClient) -> None:
    api.done("savePaymentProfileComplete", **COMPLETE)
    assert (api.run(), api.run()) == (1, 0)
    [entry] = api.ledger()["entries"]
    assert (entry["amount"], entry["entry_date"], entry["filed"]) == ("25.00", "2026-03-04", 1)
    found = api.done("getPaymentProfileByExtId", payment_profile_external_id="pay_7f3a")
    profile = {"payment_profile_id": found["payment_profile_id"]}
    [schedule] = api.done("getPaymentSchedules", **profile)
    assert schedule["payment_schedule_remaining_occurrences"] == -1


def test_a_schedule_that_is_saved_again_after_its_run_pays_again(api: OpenAchClient) -> None:
    made = api.done("savePaymentProfileComplete", **COMPLETE)
    api.run()
    schedule = {key: str(value) for key, value in made["payment_schedule"].items()}
    api.done("savePaymentSchedule", **schedule)
    assert api.run() == 1
    assert len(api.ledger()["entries"]) == 2


def test_a_deleted_profile_is_still_paid_and_its_id_looks_free(api: OpenAchClient) -> None:
    made = api.done("savePaymentProfileComplete", **COMPLETE)
    api.run()
    profile = made["payment_profile"]["payment_profile_id"]
    api.done("deletePaymentProfile", payment_profile_id=profile)
    api.done("savePaymentProfileComplete", **COMPLETE)
    assert api.run() == 1
    assert len(api.ledger()["entries"]) == 2


def test_a_window_that_is_too_short_is_accepted_and_never_paid(api: OpenAchClient) -> None:
    today = {"payment_schedule_next_date": "2026-03-01", "payment_schedule_end_date": "2026-03-01"}
    api.done("savePaymentProfileComplete", **COMPLETE | today)
    for _ in range(5):
        assert api.run() == 0
        api.clock.now += timedelta(days=1)


def test_another_country_is_entered_and_never_filed(api: OpenAchClient) -> None:
    form = COMPLETE | {"external_account_country_code": "CA"}
    api.done("savePaymentProfileComplete", **form)
    api.run()
    assert api.ledger()["entries"][0]["filed"] == 0


def test_a_long_account_number_stops_the_run_for_those_behind(api: OpenAchClient) -> None:
    api.done("savePaymentProfileComplete", **COMPLETE | {"external_account_number": "1" * 18})
    api.done("savePaymentProfileComplete", **COMPLETE | {"payment_profile_external_id": "other"})
    assert api.run() == 0


def test_a_disabled_type_never_runs(api: OpenAchClient) -> None:
    api.done("savePaymentProfileComplete", **COMPLETE)
    api.change(credit_status="disabled")
    assert api.run() == 0


def test_zero_occurrences_are_inert_until_armed(api: OpenAchClient) -> None:
    inert = {"payment_schedule_remaining_occurrences": "0"}
    made = api.done("savePaymentProfileComplete", **COMPLETE | inert)["payment_schedule"]
    assert made["payment_schedule_remaining_occurrences"] == ""
    assert api.run() == 0
    api.done("savePaymentSchedule", **{key: str(value) for key, value in made.items()})
    assert api.run() == 1


# --- faults


@pytest.mark.parametrize(
    ("fault", "sign"),
    [
        ("html_before", b"<html>"),
        ("html_after", b"<html>"),
        ("sql_before", b"database is locked"),
        ("sql_after", b"000123456789"),
        ("session_ended", b"connect first"),
        ("glued", b"}{"),
    ],
)
def test_faults_act_or_do_not(api: OpenAchClient, fault: str, sign: bytes) -> None:
    api.change(faults_on=["complete"], **{fault: 1.0})
    assert sign in api.raw("savePaymentProfileComplete", **COMPLETE)
    acted = fault in {"html_after", "sql_after", "glued"}
    assert len(api.ledger()["schedules"]) == int(acted)


def test_a_run_may_come_before_a_call(api: OpenAchClient) -> None:
    api.done("savePaymentProfileComplete", **COMPLETE)
    api.change(faults_on=["types"], run_before=1.0)
    api.done("getPaymentTypes")
    assert len(api.ledger()["entries"]) == 1
