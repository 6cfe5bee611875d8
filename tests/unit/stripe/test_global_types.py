"""The simulator's answers of version 2 against the types of Stripe's official library."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
import stripe
from stripe import StripeObject
from stripe.v2 import Amount
from stripe.v2.core import Account
from stripe.v2.money_management import (
    FinancialAccount,
    OutboundPayment,
    OutboundSetupIntent,
    PayoutMethod,
    Transaction,
)

from paymentapp.providers.base import Refused
from paymentapp.providers.stripe import global_tables as tables
from simulators.stripe.v2.bodies import (
    account_body,
    method_body,
    payment_body,
    recipient_body,
    setup_intent_body,
    thin_body,
    transaction_bodies,
)
from simulators.stripe.v2.books import SentPayment
from simulators.stripe.v2.outcomes import FAILED, RETURNED

BANK = {
    "account_number": "000123456789",
    "country": "US",
    "currency": "usd",
    "routing_number": "110000000",
}
PERSON = {
    "contact_email": "ada@example.com",
    "display_name": "Ada Lovelace",
    "identity": {"country": "US", "entity_type": "individual", "individual": {}},
    "include": ["configuration.recipient"],
    "metadata": {"recipient": "token"},
}


def a_payment(status: str) -> SentPayment:
    at = None if status == "processing" else 10
    reason = {"failed": FAILED[0], "returned": RETURNED[0]}.get(status)
    times: dict[str, Any] = {f"{each}_at": at if each == status else None for each in ENDS}
    return SentPayment(
        *(1, "obp_1", "acct_1", "usba_simok1", 1250, "usd", 1000, "eur", None, {"a": "b"}, "k"),
        reason=reason,
        created_at=1,
        status=status,
        **times,
    )


ENDS = ("posted", "failed", "returned", "canceled")
METHOD = method_body("usba_simok1", BANK, 1)
ANSWERS: list[tuple[type[StripeObject], dict[str, Any]]] = [
    (Account, recipient_body("acct_1", PERSON, 1, closed=False)),
    (PayoutMethod, METHOD),
    (OutboundSetupIntent, setup_intent_body("osi_1", METHOD, 1)),
    (FinancialAccount, account_body("fa_1", {"usd": 5}, {"usd": 1}, 1)),
    *((OutboundPayment, payment_body(a_payment(each), "fa_1", 9 * 9)) for each in ENDS),
    (OutboundPayment, payment_body(a_payment("processing"), "fa_1", 1)),
    *((Transaction, body) for body in transaction_bodies(a_payment("posted"), "fa_1")),
]


@pytest.mark.parametrize(("kind", "body"), ANSWERS)
def test_an_answer_has_the_fields_of_the_librarys_type_and_no_others(
    kind: type[StripeObject], body: dict[str, Any]
) -> None:
    assert list(differences(kind, body, kind.__name__)) == []
    assert body["object"] == getattr(kind, "OBJECT_NAME")  # noqa: B009 - of generated classes


@pytest.mark.parametrize(("kind", "body"), ANSWERS)
def test_the_library_parses_an_answer(kind: type[StripeObject], body: dict[str, Any]) -> None:
    client = stripe.StripeClient("sk_test_ofthetests0001")
    assert isinstance(client.deserialize(body, api_mode="V2"), kind)


def test_a_thin_event_is_one_that_the_library_knows() -> None:
    for what in (*ENDS, "created"):
        body = thin_body("evt_1", f"{tables_kind()}.{what}", "obp_1", "2026-03-01T00:00:00.000Z")
        client = stripe.StripeClient("sk_test_ofthetests0001")
        event = stripe.v2.core.EventNotification.from_json(body, client)
        assert type(event).__name__.startswith("V2MoneyManagementOutboundPayment")
        assert event.related_object.id == "obp_1"  # type: ignore[attr-defined]


def tables_kind() -> str:
    return OutboundPayment.OBJECT_NAME


def test_the_tables_are_complete_by_the_librarys_types() -> None:
    details = typing.get_type_hints(OutboundPayment)
    assert set(literals(details["status"])) == set(tables.OUTBOUND_STATUS)
    reasons = {
        "Failed": tables.FAILED_REASONS,
        "Returned": tables.RETURNED_REASONS,
        "Processing": {tables.UNDER_REVIEW: ""},
    }
    for name, table in reasons.items():
        kind = getattr(OutboundPayment.StatusDetails, name)
        assert set(literals(typing.get_type_hints(kind)["reason"])) == set(table)
    usage = typing.get_type_hints(PayoutMethod.UsageStatus)["payments"]
    assert tables.ELIGIBLE in literals(usage)


def test_every_error_of_the_library_is_in_a_table() -> None:
    source = Path(stripe.__file__).with_name("_api_requestor.py").read_text()
    types = set(re.findall(r'type == "([a-z_]+)":', source))
    known = {*tables.V2_ERRORS, *tables.NOT_CANCELLED, *tables.OTHER_ERRORS}
    assert types - known == set()
    refused = {name for name, kind in tables.V2_ERRORS.items() if kind is Refused}
    assert refused == set(tables.V2_REFUSALS)


def test_the_simulators_reasons_are_those_of_the_tables() -> None:
    assert set(FAILED) == set(tables.FAILED_REASONS)
    assert set(RETURNED) == set(tables.RETURNED_REASONS)


def differences(kind: Any, value: Any, path: str) -> Iterator[str]:
    """Yield how a value differs from an annotated type."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        options = [option for option in get_args(kind) if option is not type(None)]
        if value is None:
            if len(options) == len(get_args(kind)):
                yield f"{path}: null"
        elif len(options) == 1:
            yield from differences(options[0], value, path)
        elif all(list(differences(option, value, path)) for option in options):
            yield f"{path}: {value!r}"
    elif origin is Literal:
        if value not in get_args(kind):
            yield f"{path}: {value!r}"
    elif origin is list:
        for index, each in enumerate(value):
            yield from differences(get_args(kind)[0], each, f"{path}[{index}]")
    elif isinstance(kind, type) and issubclass(kind, StripeObject):
        yield from _object_differences(kind, value, path)
    elif isinstance(origin, type) and issubclass(origin, StripeObject):  # of keys that vary
        for name, each in value.items():
            yield from differences(get_args(kind)[0], each, f"{path}.{name}")
    elif kind is not Any and not isinstance(value, kind):
        yield f"{path}: {value!r} is no {kind}"


def _object_differences(kind: type[StripeObject], value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: no object"
        return
    renamed = getattr(kind, "_field_remappings", {})
    module = typing.cast(Any, __import__(kind.__module__, fromlist=["x"]))
    names = {"PayoutMethod": PayoutMethod, "Amount": Amount, **vars(module), **nested(kind)}
    hints = typing.get_type_hints(kind, names)
    fields = {
        renamed.get(name, name): hint
        for name, hint in hints.items()
        if not name.startswith("_") and name in kind.__annotations__ and name != "OBJECT_NAME"
    }
    yield from (f"{path}.{name}: missing" for name in sorted(set(fields) - set(value)))
    yield from (f"{path}.{name}: unknown" for name in sorted(set(value) - set(fields)))
    for name in sorted(set(fields) & set(value)):
        yield from differences(fields[name], value[name], f"{path}.{name}")


def nested(kind: type[StripeObject]) -> dict[str, Any]:
    return {name: each for name, each in vars(kind).items() if isinstance(each, type)}


def literals(kind: Any) -> Iterator[str]:
    """Yield the texts of a closed or open enumeration."""
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    for each in get_args(kind):
        if not isinstance(each, str):
            yield from literals(each)
