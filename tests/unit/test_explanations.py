"""What providers' codes mean: each code of their tables, in words and with a next step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from paymentapp.banking.returns import RETURN_REASONS
from paymentapp.models.explanations import Explanation
from paymentapp.models.payments import Status
from paymentapp.providers.ach.entry_updates import return_text
from paymentapp.providers.ach.explanations import EXPLANATIONS as ACH
from paymentapp.providers.ach.files import REFUSED, TOO_LARGE
from paymentapp.providers.ach.provider import BLOCKED, CORRECTED
from paymentapp.providers.base import Refused
from paymentapp.providers.openach.armed import TOO_LATE
from paymentapp.providers.openach.explanations import EXPLANATIONS as OPENACH
from paymentapp.providers.openach.provider import NOT_AN_ORDER
from paymentapp.providers.openach.tables import OpenAchError, RawStatus
from paymentapp.providers.paypal import tables as paypal
from paymentapp.providers.paypal.explanations import EXPLANATIONS as PAYPAL
from paymentapp.providers.registry import provider_class
from paymentapp.providers.stripe import global_tables as glob
from paymentapp.providers.stripe import tables as stripe
from paymentapp.providers.stripe.explanations import EXPLANATIONS as STRIPE
from paymentapp.providers.stripe.global_explanations import GLOBAL_EXPLANATIONS as GLOBAL

NOT_PAID = {Status.FAILED, Status.RETURNED, Status.SUBMITTED, Status.UNCLAIMED}


def reasons() -> Iterator[tuple[str, str]]:
    """Yield each reason that a payment may have, by the tables, as it is stored with it."""
    for code, words in paypal.ITEM_ERRORS.items():
        yield "paypal", f"{code}: {words}"
    for code, kind in paypal.ERRORS.items():
        if kind is Refused:
            yield "paypal", f"{code}: its own words"
    yield from (("paypal", raw) for raw, to in paypal.TRANSACTION_STATUS.items() if to in NOT_PAID)
    for table in (stripe.FAILURES, stripe.NOT_PAID_OUT, stripe.REFUSALS):
        yield from (("stripe", f"{code}: {words}") for code, words in table.items())
    yield from (("stripe", code) for code, kind in stripe.ERRORS.items() if kind is Refused)
    yield from (("stripe", f"payout_{raw}") for raw in ("pending", "in_transit"))
    for table in (glob.FAILED_REASONS, glob.RETURNED_REASONS, glob.UNSENT, glob.V2_REFUSALS):
        yield from (("stripe", f"{code}: {words}") for code, words in table.items())
    yield from (("stripe", raw) for raw, to in glob.OUTBOUND_STATUS.items() if to in NOT_PAID)
    yield "stripe", glob.UNDER_REVIEW
    yield from (("ach", return_text(code)) for code in RETURN_REASONS)
    yield from (("ach", f"not sent, {return_text(code)}") for code in RETURN_REASONS)
    yield from (("ach", code) for code in (BLOCKED, CORRECTED, REFUSED, TOO_LARGE))
    yield from (("openach", code) for code in RawStatus)
    yield from (("openach", f"{code} reason") for code in RETURN_REASONS)
    yield "openach", f"{OpenAchError.REFUSED_FIELDS}: external_account_holder"
    yield "openach", f"{TOO_LATE}: nothing was made of it in time"
    yield "openach", f"{NOT_AN_ORDER}: no bank account is named"


def explain(method: str, text: str) -> Explanation:
    found = provider_class(method).explain(text)
    assert found is not None, text
    return found


@pytest.mark.parametrize(("method", "text"), sorted(set(reasons())))
def test_each_reason_of_the_tables_is_explained_with_a_next_step(method: str, text: str) -> None:
    meaning, steps = explain(method, text)
    assert meaning.endswith(".")
    assert steps
    assert all(step.endswith((".", "?")) for step in steps)


@pytest.mark.parametrize(
    "table",
    [PAYPAL, STRIPE, GLOBAL, ACH, OPENACH],
    ids=["paypal", "stripe", "global", "ach", "openach"],
)
def test_words_are_plain_and_for_people(table: dict[str, Explanation]) -> None:
    for meaning, steps in table.values():
        for text in (meaning, *steps):
            assert text[0].isupper()
            assert "_" not in text
            assert len(text) < 240


def test_what_providers_add_without_a_code_is_explained() -> None:
    assert "whole batch" in explain("paypal", "batch DENIED: it was not processed").meaning
    assert "cancelled" in explain("stripe", "payout canceled").meaning
    assert "reversed" in explain("stripe", "the transfer was reversed").meaning
    assert "not sent" in explain("ach", "not sent, R02 Account closed").meaning
    assert "test entry" in explain("ach", "PRENOTE_RETURNED: R03 No account").meaning


def test_an_account_that_must_not_be_used_again_needs_new_details() -> None:
    assert "account that can be paid" in explain("ach", return_text("R02")).steps[0]
    assert "our bank" in explain("ach", return_text("R10")).steps[0]
    assert "compliance" in explain("ach", return_text("R16")).steps[0]
    assert "disagree" in explain("ach", return_text("R68")).steps[0]


def test_a_code_that_nobody_publishes_is_said_to_be_one() -> None:
    assert "nobody publishes: R98" in explain("ach", "R98 Unpublished reason code").meaning


def test_what_is_not_known_is_not_explained() -> None:
    for method in ("paypal", "stripe", "ach", "openach"):
        assert provider_class(method).explain("SOMETHING_NEW: words") is None
        assert provider_class(method).explain("") is None
