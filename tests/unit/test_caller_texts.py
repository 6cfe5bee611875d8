"""The caller's texts: one form for equal ones, kept over changes, and never in a `repr`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paymentapp.models.caller_texts import CallerTexts, sorted_metadata
from paymentapp.services.payment_orders import PaymentOrder, fingerprint
from paymentapp.storage.changes import PaymentChange
from tests.support.records import a_payment, usd

ORDER = PaymentOrder("ada", "ada@example.com", usd("12.5"), "paypal")
TEXTS = CallerTexts("r", "d", (("k", "v"),))
DIFFERENT = [
    CallerTexts(),
    CallerTexts("r"),
    CallerTexts(None, "r"),
    CallerTexts("r", "d"),
    CallerTexts("r", None, (("d", ""),)),
    CallerTexts("r", "d", (("k", "v"),)),
    CallerTexts("r", "d", (("k", 'v", "l": "w'),)),
    CallerTexts("r", "d", (("k", "v"), ("l", "w"))),
]


def test_requests_that_differ_in_a_text_have_different_fingerprints() -> None:
    assert len({fingerprint(ORDER._replace(texts=each)) for each in DIFFERENT}) == len(DIFFERENT)


def test_a_fingerprint_without_texts_is_as_it_was_before() -> None:
    # tests/unit/test_schedules.py has the value that version 0.2 computed for another order.
    assert fingerprint(ORDER) == fingerprint(ORDER._replace(texts=CallerTexts()))


def test_a_retry_has_the_fingerprint_of_a_retry_whatever_its_texts() -> None:
    retry = ORDER._replace(retry_of="2026-03-01T12:00:00.000000Z")
    assert fingerprint(retry._replace(texts=TEXTS)) == fingerprint(retry)


def test_metadata_has_one_order() -> None:
    assert sorted_metadata({"b": "1", "a": "2"}) == (("a", "2"), ("b", "1"))


@pytest.mark.parametrize("texts", [CallerTexts(), CallerTexts("r", "e", (("k", "v"),))])
def test_they_never_change(texts: CallerTexts) -> None:
    payment = a_payment(texts=TEXTS)
    with pytest.raises(ValueError, match="reference, description and metadata must not change"):
        PaymentChange(payment, replace(payment, texts=texts, revision="2"))


def test_no_repr_shows_them() -> None:
    texts = CallerTexts("ref-1", "the flu", (("diagnosis", "flu"),))
    for shown in (a_payment(texts=texts), ORDER._replace(texts=texts)):
        assert not [text for text in ("ref-1", "flu", "diagnosis") if text in repr(shown)]
