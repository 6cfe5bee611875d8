"""How long a batch is retried, by what its provider declares; and what an operator reads."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from paymentapp.cli.common import DAYS
from paymentapp.providers.ach.trace_numbers import KEPT
from paymentapp.providers.base import Facts
from paymentapp.providers.registry import every_provider
from paymentapp.services.dispatch.parking import UNATTENDED, in_words, park_after, parking_rule
from tests.support.ledger_provider import LedgerProvider

PROVIDERS = every_provider()
RETURNED_WITHIN = timedelta(days=60)  # of an entry that nobody authorized: NACHA, return R10


def declaring(forgets: timedelta | None, *, looks: bool = False) -> Facts:
    provider = LedgerProvider()
    provider.forgets_batch_after, provider.looks_before_resending = forgets, looks
    return provider


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_way_to_pay_is_left_to_a_person_after_25_days(name: str) -> None:
    assert park_after(PROVIDERS[name]) == timedelta(days=25)


@pytest.mark.parametrize(
    ("forgets", "looks", "sent_for"),
    [
        (timedelta(days=30), False, timedelta(days=25)),
        (timedelta(hours=24), False, timedelta(hours=20)),
        (timedelta(hours=24), True, UNATTENDED),
        (timedelta(days=365), False, UNATTENDED),
        (None, False, UNATTENDED),
    ],
)
def test_what_is_forgotten_is_parked_in_time(
    forgets: timedelta | None, looks: bool, sent_for: timedelta
) -> None:
    assert park_after(declaring(forgets, looks=looks)) == sent_for


def test_a_batch_of_no_provider_is_parked_as_well() -> None:
    assert park_after(None) == UNATTENDED


def test_the_numbers_of_a_file_outlast_its_batch() -> None:
    """Find the payment of a late return of a file that was sent late."""
    assert UNATTENDED + RETURNED_WITHIN < KEPT


@pytest.mark.parametrize("name", PROVIDERS)
def test_nobody_is_told_another_providers_story(name: str) -> None:
    rule = parking_rule(PROVIDERS[name])
    assert rule.startswith(f"{name} ")
    assert set(re.findall(r"\w+", rule)) & PROVIDERS.keys() == {name}


def test_the_rule_says_what_is_declared() -> None:
    assert "forgets a batch after 30 days, and would then pay" in parking_rule(PROVIDERS["paypal"])
    assert "for 20 hours is parked" in parking_rule(declaring(timedelta(hours=24)))
    assert "never forgets a batch" in parking_rule(declaring(None))


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_usual_span_of_a_comparison_sees_unclaimed_money_come_back(name: str) -> None:
    assert (PROVIDERS[name].returns_unclaimed_after or timedelta()) < timedelta(days=DAYS)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(days=25), "25 days"),
        (timedelta(days=2), "2 days"),
        (timedelta(days=1), "24 hours"),
        (timedelta(days=2, hours=3), "51 hours"),
    ],
)
def test_a_length_in_words(length: timedelta, words: str) -> None:
    assert in_words(length) == words
