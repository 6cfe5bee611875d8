"""Limits: how rules are written, which of them apply, and what their windows hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paymentapp.errors import SettingsError
from paymentapp.models.limits import (
    STEP,
    STEPS,
    Charge,
    LimitReached,
    LimitRule,
    LimitScope,
    LimitWindow,
    charge_of,
    frees_at,
    keep_from,
    slot_end,
    slot_of,
    used,
)
from paymentapp.services.limits import Limits, Spender, read_limits
from tests.support.records import NOW, usd

PAYROLL = Spender("payroll", "ada")
ISSUE = (
    "all USD 500000/day; client payroll USD 100000/day; customer USD 5000/day; payment USD 60000"
)


def limits(text: str) -> Limits:
    return Limits(read_limits(text))


def counters(text: str, spender: Spender = PAYROLL, amount: str = "5") -> dict[str, Decimal | None]:
    return {c.counter: c.limit for c in limits(text).charges(spender, usd(amount), NOW)}


def steps(**amounts: int) -> dict[str, Decimal]:
    """Return slots of a rolling window, by their distance from now: `ago_3=5`, `in_2=7`."""
    signs = {"ago": -1, "in": 1}
    found = {}
    for name, amount in amounts.items():
        side, _, count = name.partition("_")
        at = NOW + signs[side] * int(count) * STEP
        found[slot_of(LimitWindow.ROLLING, at)] = Decimal(amount)
    return found


def rolling(limit: int, amount: int) -> Charge:
    slot = slot_of(LimitWindow.ROLLING, NOW)
    return Charge("all//USD/24h", slot, Decimal(amount), Decimal(limit), 1)


def test_rules_are_read_in_order() -> None:
    text = f"{ISSUE}; client USD 50.50/24h ; all USD 2000000/month ask"
    assert read_limits(text) == [
        LimitRule(1, LimitScope.ALL, "", usd("500000"), LimitWindow.DAY),
        LimitRule(2, LimitScope.CLIENT, "payroll", usd("100000"), LimitWindow.DAY),
        LimitRule(3, LimitScope.CUSTOMER, "", usd("5000"), LimitWindow.DAY),
        LimitRule(4, LimitScope.PAYMENT, "", usd("60000"), None),
        LimitRule(5, LimitScope.CLIENT, "", usd("50.5"), LimitWindow.ROLLING),
        LimitRule(6, LimitScope.ALL, "", usd("2000000"), LimitWindow.MONTH, ask=True),
    ]
    assert read_limits(" ; ") == []


def test_a_name_may_have_blanks_or_be_that_of_a_currency() -> None:
    assert [rule.value for rule in read_limits("client the front desk USD 5/day")] == [
        "the front desk"
    ]
    assert [rule.value for rule in read_limits("client USD USD 5/day")] == ["USD"]


def test_a_rule_is_shown_as_it_is_written() -> None:
    assert "; ".join(map(str, read_limits(f"{ISSUE} ask"))) == f"{ISSUE} ask"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("all usd 5/day", "rule 2 is not SCOPE"),
        ("all USD -5/day", "rule 2 is not SCOPE"),
        ("all USD 5/week", "rule 2 is not SCOPE"),
        ("everybody USD 5/day", "rule 2 is not SCOPE"),
        ("all USD 5/day please", "rule 2 is not SCOPE"),
        ("all payroll USD 5/day", "rule 2: all takes no name"),
        ("payment USD 5/day", "rule 2: a limit of each payment has no /day"),
        ("customer USD 5", "rule 2 needs /day, /month or /24h"),
        ("customer USD 6/day", "rule 2 limits the same as rule 1"),
    ],
)
def test_a_rule_that_makes_no_sense_is_named(text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=f"PAYMENTAPP_LIMITS: {problem}"):
        read_limits(f"customer USD 5/day; {text}")


def test_without_rules_nothing_is_counted() -> None:
    assert Limits().charges(PAYROLL, usd("5"), NOW) == ()
    assert Limits().above(usd("5")) is None


def test_each_rule_that_applies_is_counted() -> None:
    assert counters(ISSUE) == {
        "all//USD/day": 500000,
        "client/payroll/USD/day": 100000,
        "customer/ada/USD/day": 5000,
    }
    assert counters(ISSUE, Spender("shop", "bob")) == {
        "all//USD/day": 500000,
        "customer/bob/USD/day": 5000,
    }


def test_a_rule_counts_its_own_currency_alone() -> None:
    assert counters("all EUR 5/day; client payroll EUR 5/day; client USD 7/day") == {
        "client/payroll/USD/day": 7
    }


def test_a_rule_that_names_a_client_replaces_the_one_for_each() -> None:
    text = "client USD 5/day; client payroll USD 9/day; client USD 70/month"
    assert counters(text) == {"client/payroll/USD/day": 9, "client/payroll/USD/month": 70}
    assert counters(text, Spender("shop", "ada"))["client/shop/USD/day"] == 5


def test_two_limits_of_one_counter_are_counted_once_under_the_lower() -> None:
    found = limits("customer USD 5000/day; customer USD 1000/day ask")
    (charge,) = found.charges(PAYROLL, usd("5"), NOW)
    assert (charge.limit, found.rule(charge.rule).ask) == (Decimal(1000), True)
    (waived,) = found.charges(PAYROLL, usd("5"), NOW, waived={charge.rule})
    assert waived.limit == 5000
    (counted,) = found.charges(PAYROLL, usd("5"), NOW, waived={1, 2})
    assert counted.limit is None
    assert counted.fits({counted.slot: Decimal(10**9)})


def test_a_limit_is_the_sole_one_where_nothing_is_counted_beyond_it() -> None:
    text = (
        "all USD 5/day; all USD 9/month ask; customer USD 3/day; customer USD 4/day ask; "
        "client USD 6/day; client payroll USD 7/day"
    )
    charges = limits(text).charges(PAYROLL, usd("1"), NOW)
    assert [(charge.counter, charge.is_sole_limit) for charge in charges] == [
        ("all//USD/day", True),
        ("all//USD/month", False),
        ("customer/ada/USD/day", False),
        ("client/payroll/USD/day", True),
    ]


def test_a_limit_of_each_payment_includes_its_amount() -> None:
    found = limits("payment USD 100; payment USD 50 ask")
    above = [found.above(usd(amount)) for amount in ("50", "100", "100.01")]
    assert [rule and rule.number for rule in above] == [None, 2, 1]


def test_a_scheduled_payment_counts_on_the_day_on_which_it_leaves() -> None:
    leaves = NOW + timedelta(days=40)
    found = limits("all USD 5/day; all USD 50/month; all USD 7/24h")
    charges = found.charges(PAYROLL, usd("1"), NOW, leaves)
    assert [charge.slot for charge in charges] == [
        "2026-04-10",
        "2026-04",
        slot_of(LimitWindow.ROLLING, leaves),
    ]


def test_calendar_windows_are_those_of_utc() -> None:
    evening = datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC)
    local = evening.astimezone(UTC) + timedelta(seconds=1)
    assert slot_of(LimitWindow.DAY, evening) == "2026-03-31"
    assert slot_of(LimitWindow.MONTH, local) == "2026-04"
    assert (
        slot_end(LimitWindow.DAY, "2026-03-31") == slot_end(LimitWindow.MONTH, "2026-03") == local
    )
    assert slot_end(LimitWindow.MONTH, "2026-12") == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "day", "month"),
    [
        ("2026-03-31T23:59:59.999999+00:00", "2026-03-31", "2026-03"),
        ("2026-04-01T01:59:59.999999+02:00", "2026-03-31", "2026-03"),
        ("2026-03-31T18:59:59.999999-05:00", "2026-03-31", "2026-03"),
        ("2026-02-28T23:59:59.999999+00:00", "2026-02-28", "2026-02"),
        ("2028-02-29T23:59:59.999999+00:00", "2028-02-29", "2028-02"),
        ("2026-12-31T23:59:59.999999+00:00", "2026-12-31", "2026-12"),
    ],
)
def test_a_window_ends_with_its_last_microsecond_of_utc(last: str, day: str, month: str) -> None:
    at = datetime.fromisoformat(last)
    after = at + timedelta(microseconds=1)
    for window, slot in ((LimitWindow.DAY, day), (LimitWindow.MONTH, month)):
        assert slot_of(window, at) == slot
        assert slot_of(window, after) > slot
        assert slot_end(window, slot) == after
    step = slot_of(LimitWindow.ROLLING, at)
    assert int(slot_of(LimitWindow.ROLLING, after)) == int(step) + 1
    assert slot_end(LimitWindow.ROLLING, step) == after


@pytest.mark.parametrize(
    ("slots", "fits"),
    [
        ({}, True),
        (steps(ago_0=6), True),
        (steps(ago_0=7), False),
        (steps(ago_96=7), False),  # the oldest step counts whole
        (steps(ago_97=7), True),
        (steps(ago_96=3, ago_1=3), True),
        (steps(ago_96=3, ago_1=4), False),
        (steps(in_96=7), False),  # scheduled, less than 24 hours after
        (steps(in_97=7), True),
        (steps(ago_60=4, in_60=4), True),  # 30 hours apart
        (steps(ago_30=4, in_30=4), False),
    ],
)
def test_a_rolling_window_holds_any_24_hours(slots: Mapping[str, Decimal], fits: bool) -> None:
    assert rolling(limit=10, amount=4).fits(slots) == fits


def test_slots_that_no_window_reaches_are_dropped() -> None:
    assert timedelta(days=1) < STEPS * STEP
    charge = limits("all USD 9/24h").charges(PAYROLL, usd("1"), NOW)[0]
    left = charge.counted(steps(ago_101=5, ago_96=3))
    assert list(left.values()) == [3, 1]
    assert keep_from(LimitWindow.DAY, NOW) == ""


def test_an_amount_is_given_back_to_its_slot() -> None:
    charge = rolling(limit=10, amount=4)
    slots = charge.counted(steps(ago_1=3))
    back = charge_of(str(charge), charge.amount)
    assert back.given_back(slots) == steps(ago_1=3)
    assert back.given_back(charge.counted(slots))[charge.slot] == 4
    assert back.given_back({}) == {}


def test_a_payment_keeps_the_counter_of_a_client_with_blanks() -> None:
    charge = charge_of("client/the front desk/USD/day 2026-03-01", Decimal(5))
    assert (charge.counter, charge.slot) == ("client/the front desk/USD/day", "2026-03-01")
    assert charge.window is LimitWindow.DAY


def test_room_comes_with_the_next_day() -> None:
    charge = Charge("all//USD/day", "2026-03-01", Decimal(5), Decimal(9))
    assert frees_at(charge, {"2026-03-01": Decimal(9)}) == datetime(2026, 3, 2, tzinfo=UTC)


def test_room_comes_once_the_oldest_steps_have_left() -> None:
    slots = steps(ago_90=2, ago_50=3, ago_0=5)
    this_step = slot_end(LimitWindow.ROLLING, slot_of(LimitWindow.ROLLING, NOW)) - STEP
    assert frees_at(rolling(limit=10, amount=2), slots) == this_step + 7 * STEP
    assert frees_at(rolling(limit=10, amount=4), slots) == this_step + 47 * STEP
    assert frees_at(rolling(limit=10, amount=10), slots) == this_step + 97 * STEP


def test_more_than_the_limit_never_fits() -> None:
    assert frees_at(rolling(limit=10, amount=11), {}) is None


def test_the_caller_learns_the_rule_and_what_is_left() -> None:
    found = limits("client payroll USD 10/24h")
    (charge,) = found.charges(PAYROLL, usd("4"), NOW)
    error = found.exceeded(LimitReached(charge, steps(ago_1=7)))
    assert str(error) == "The limit is client payroll USD 10/24h; 3 USD is left."
    assert (error.rule.number, error.remaining) == (1, usd("3"))
    assert error.resets_at == slot_end(LimitWindow.ROLLING, charge.slot) + 95 * STEP
    assert used(LimitWindow.ROLLING, steps(ago_1=7), charge.slot) == 7


minutes = st.integers(0, 3 * 24 * 60)  # after NOW, at which a payment leaves
payments = st.lists(st.tuples(minutes, st.integers(1, 9)), max_size=40)


@given(payments)
def test_no_24_hours_ever_hold_more_than_the_limit(requested: list[tuple[int, int]]) -> None:
    """Accept payments in any order, as scheduled ones are, and add up every 24 hours."""
    rule, limit = limits("all USD 20/24h"), 20
    slots: dict[str, Decimal] = {}
    accepted: list[tuple[int, int]] = []
    for minute, amount in requested:
        leaves = NOW + timedelta(minutes=minute)
        (charge,) = rule.charges(PAYROLL, usd(str(amount)), NOW, leaves)
        if charge.fits(slots):
            slots = charge.counted(slots)
            accepted.append((minute, amount))
    for first, _ in accepted:
        assert sum(a for minute, a in accepted if first <= minute < first + 24 * 60) <= limit


@given(payments)
def test_what_is_given_back_leaves_what_was_there_before(requested: list[tuple[int, int]]) -> None:
    rule = limits("all USD 1000/24h")
    slots: dict[str, Decimal] = {}
    history: list[tuple[Charge, dict[str, Decimal]]] = []
    for minute, amount in requested:
        leaves = NOW + timedelta(minutes=minute)
        (charge,) = rule.charges(PAYROLL, usd(str(amount)), NOW, leaves)
        history.append((charge, slots))
        slots = charge.counted(slots)
    for charge, before in reversed(history):
        slots = charge_of(str(charge), charge.amount).given_back(slots)
        assert slots == before


@given(st.lists(minutes, min_size=1, max_size=20))
def test_the_time_at_which_an_amount_fits_is_the_first_one(busy: list[int]) -> None:
    slots: dict[str, Decimal] = {}
    for minute in busy:
        slot = slot_of(LimitWindow.ROLLING, NOW - timedelta(minutes=minute % 1440))
        slots[slot] = slots.get(slot, Decimal(0)) + 1
    charge = rolling(limit=max(len(busy) // 2, 1), amount=1)
    free = frees_at(charge, slots)
    assert free is not None
    at, before = (
        replace(charge, slot=slot_of(LimitWindow.ROLLING, moment)) for moment in (free, free - STEP)
    )
    assert at.fits(slots)
    assert charge.fits(slots) or not before.fits(slots)
