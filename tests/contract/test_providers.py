"""The contract suite that every provider passes: one parameter for each provider."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from paymentapp.clock import utc_now
from paymentapp.config import load_settings
from paymentapp.errors import (
    InsufficientFunds,
    Misconfigured,
    NotSent,
    OutcomeUnknown,
    ProviderError,
)
from paymentapp.models.batches import Batch, BatchState, Member, new_batch_id
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.models.revisions import new_revision
from paymentapp.providers.base import Accepted, Refused
from paymentapp.providers.registry import build_providers, provider_class
from paymentapp.providers.updates import ItemReport
from paymentapp.services.payees import names_payee
from tests.support.ach_backend import ach_backend, ach_environ
from tests.support.global_backend import global_backend
from tests.support.kit import a_kit
from tests.support.openach_backend import (
    armed_openach_backend,
    openach_backend,
    openach_environ,
)
from tests.support.paypal_phones import paypal_phone_backend
from tests.support.provider_backends import Backend, Paid, paypal_backend
from tests.support.stripe_backend import KEY, stripe_backend

BACKENDS: dict[str, Callable[[], AbstractContextManager[Backend]]] = {
    "paypal": paypal_backend,
    "stripe": stripe_backend,
    "ach": ach_backend,
    "openach": openach_backend,
}
# A setting of each provider that is only there where one of its own is set.
ASKED_FOR = {
    "PAYMENTAPP_STRIPE_SECRET_KEY": KEY,
    **ach_environ(Path("/folders")),
    **openach_environ(),
}


# Each provider, other kinds of payees of two, and another plan of one.
_SUITES = {
    **BACKENDS,
    "stripe-global": global_backend,
    "paypal-phones": paypal_phone_backend,
    "openach-armed": armed_openach_backend,
}


@pytest.fixture(params=_SUITES.values(), ids=list(_SUITES))
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    make: Callable[[], AbstractContextManager[Backend]] = request.param
    with make() as made:
        skipped: Mapping[str, str] = getattr(made, "skipped", {})
        if request.node.originalname in skipped:
            pytest.skip(skipped[request.node.originalname])
        yield made


_NUMBERS = count(1)


class Sent(NamedTuple):
    """A frozen batch and its members."""

    batch: Batch
    members: list[Member]


def pay(*payees: str, amount: str = "12.5", currency: str = "USD") -> Sent:
    """Make a frozen batch, with one member for each payee."""
    now = utc_now()
    batch = Batch(
        *(new_batch_id(now), "any", currency, BatchState.FROZEN, len(payees), now, new_revision()),
        frozen_at=now,
    )
    money = Money(Decimal(amount), currency)
    payment_id = f"2026-03-01T09:29:00.{next(_NUMBERS):06d}Z"  # no two payments have one key
    members = [
        Member(f"customer-{n}", payment_id, money, "ann@example.com", to)
        for n, to in enumerate(payees)
    ]
    return Sent(batch, members)


def pay_each(backend: Backend, *payees: str, amount: str = "12.5") -> list[Sent]:
    """Make as few batches for these payees as the provider allows."""
    size = backend.provider.batch_size
    return [pay(*payees[n : n + size], amount=amount) for n in range(0, len(payees), size)]


def pay_again(members: list[Member]) -> Sent:
    """Make another batch of the same members."""
    return Sent(pay(*(member.payee for member in members)).batch, members)


def accepted(backend: Backend, batch: Batch, members: list[Member]) -> Batch:
    """Submit a batch that has to be accepted."""
    outcome = backend.provider.submit(batch, members)
    assert isinstance(outcome, Accepted)
    return batch.changed(state=BatchState.ACCEPTED, reference=outcome.reference)


def reports_of(backend: Backend, batch: Batch) -> dict[str, ItemReport]:
    return {report.item_id: report for report in backend.provider.fetch(batch)}


# --- what it declares


def test_it_declares_what_it_pays(backend: Backend) -> None:
    provider = backend.provider
    assert re.fullmatch("[a-z]+", provider.name)
    assert provider.batch_size >= 1
    for code, rule in provider.currencies.items():
        assert re.fullmatch("[A-Z]{3}", code)
        assert rule.decimals in range(4)
        assert isinstance(rule.maximum, Decimal)
        assert rule.maximum > 0


def test_it_declares_what_holds_of_time(backend: Backend) -> None:
    provider = backend.provider
    for length in (provider.forgets_batch_after, provider.returns_unclaimed_after):
        assert length is None or length > timedelta(hours=1)
    assert isinstance(provider.looks_before_resending, bool)
    assert provider.submits_per_second >= 1


def test_it_tells_no_secret(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sent = pay_each(backend, backend.succeeds(), backend.is_refused())
    told = backend.provider.description + repr(backend.provider) + repr(vars(backend.provider))
    for batch, members in sent:
        backend.provider.submit(batch, members)
    backend.reject_credentials()
    with pytest.raises(ProviderError) as raised:
        backend.provider.check()
    told += caplog.text + repr(raised.value) + str(raised.value)
    payees = [member.payee for each in sent for member in each.members]
    for secret in (*backend.secrets, *payees):
        assert secret not in told


def test_it_logs_no_text_of_a_caller(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for batch, members in pay_each(backend, backend.succeeds(), backend.is_refused()):
        texts = {"description": "Ada has the flu", "metadata": (("diagnosis", "influenza"),)}
        described = [member._replace(**texts) for member in members]  # type: ignore[arg-type]
        told = repr(backend.provider.submit(batch, described)) + repr(described)
        assert not [each for each in ("flu", "diagnosis") if each in told + caplog.text]


def test_its_rules_for_texts_are_complete(backend: Backend) -> None:
    rules = backend.provider.remittance
    if rules is not None:
        assert re.fullmatch(rules.pattern, "Invoice 1007")
        refuses = not re.fullmatch(rules.pattern, "\N{GRINNING FACE}" * 200)
        assert bool(rules.problem) is refuses


def test_every_provider_of_the_registry_is_here() -> None:
    providers = build_providers(a_kit(load_settings(ASKED_FOR)))
    assert set(providers) == set(BACKENDS)
    assert all(name == provider.name for name, provider in providers.items())


@pytest.mark.parametrize("name", BACKENDS)
def test_its_example_for_the_documentation_is_one_that_it_takes(name: str) -> None:
    provider = build_providers(a_kit(load_settings(ASKED_FOR)))[name]
    example = provider_class(name).example_details
    assert provider.payees is not None
    patterns = {detail.name: detail.pattern for detail in provider.payees.details}
    assert all(re.fullmatch(patterns[each], value) for each, value in example.items())
    assert provider.payees.show("ada", provider.payees.destination("ada", example))
    assert provider_class(name).details == provider.payees.details


# --- submit


def test_a_batch_is_paid_to_the_last_cent(backend: Backend) -> None:
    sent = pay_each(backend, backend.succeeds(), backend.succeeds(), amount="1234.56")
    for each in sent:
        accepted(backend, *each)
    assert backend.paid() == [
        Paid(member.item_id, Money(Decimal("1234.56"), "USD"), member.payee)
        for each in sent
        for member in each.members
    ]


def test_every_currency_is_paid_in_its_own_decimals(backend: Backend) -> None:
    for currency, rule in backend.provider.currencies.items():
        smallest = str(Decimal(1).scaleb(-rule.decimals))
        accepted(backend, *pay(backend.succeeds(), amount=smallest, currency=currency))
    assert {paid.money for paid in backend.paid()} == {
        Money(Decimal(1).scaleb(-rule.decimals), currency)
        for currency, rule in backend.provider.currencies.items()
    }


def test_the_same_batch_is_paid_once_however_often_it_is_sent(backend: Backend) -> None:
    sent = pay_each(backend, backend.succeeds(), backend.succeeds())
    for each in sent:
        assert len({accepted(backend, *each).reference for _ in range(3)}) == 1
    assert len(backend.paid()) == 2


def test_the_same_batch_sent_side_by_side_is_paid_once(backend: Backend) -> None:
    batch, members = pay(backend.succeeds())

    def send(_: int) -> object:
        try:
            return backend.provider.submit(batch, members)
        except ProviderError as error:
            return error

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(send, range(6)))
    assert not any(isinstance(outcome, Refused) for outcome in outcomes)
    assert len(backend.paid()) == 1


def test_batches_side_by_side_are_all_paid(backend: Backend) -> None:
    batches = [pay(backend.succeeds()) for _ in range(12)]
    with ThreadPoolExecutor(6) as pool:
        references = set(pool.map(lambda each: accepted(backend, *each).reference, batches))
    assert len(references) == len(backend.paid()) == 12


@pytest.mark.parametrize("acting", [True, False], ids=["acted on", "not acted on"])
def test_a_lost_answer_is_unknown_and_the_same_batch_finds_out(
    backend: Backend, acting: bool
) -> None:
    sent = pay_each(backend, backend.succeeds(), backend.succeeds())
    backend.lose_answers(acting=acting)
    for each in sent:
        with pytest.raises(OutcomeUnknown):
            backend.provider.submit(*each)
    assert len(backend.paid()) == (2 if acting else 0)
    backend.recover()
    for each in sent:
        accepted(backend, *each)
    assert len(backend.paid()) == 2


def test_where_nobody_listens_nothing_was_sent(backend: Backend) -> None:
    gone = backend.unreachable()
    batch, members = pay(backend.succeeds())
    calls: list[Callable[[], object]] = [
        lambda: gone.submit(batch, members),
        lambda: gone.fetch(batch.changed(reference="any")),
        lambda: gone.cancel("any"),
        gone.check,
    ]
    for call in calls:
        with pytest.raises(NotSent):
            call()


def test_a_refused_batch_pays_nobody_and_names_who_is_at_fault(backend: Backend) -> None:
    beside = 1 if backend.provider.batch_size >= 3 else 0  # alone, where each goes alone
    others = [backend.succeeds() for _ in range(2 * beside)]
    batch, members = pay(*others[:beside], backend.is_refused(), *others[beside:])
    for _ in range(2):  # the reason is in the batch, so that it is said again
        outcome = backend.provider.submit(batch, members)
        assert isinstance(outcome, Refused)
        assert set(outcome.member_errors) == {beside}
        assert outcome.code in outcome.member_errors[beside]
    assert backend.paid() == []


def test_an_empty_account_needs_a_person_and_the_same_batch_waits(backend: Backend) -> None:
    batch, members = pay(backend.succeeds())
    backend.lose_funds()
    with pytest.raises(InsufficientFunds):
        backend.provider.submit(batch, members)
    assert backend.paid() == []
    backend.recover()
    accepted(backend, batch, members)
    assert len(backend.paid()) == 1


def test_members_of_a_batch_that_certainly_was_not_sent_are_paid_once_in_another(
    backend: Backend,
) -> None:
    batch, members = pay(backend.succeeds())
    backend.reject_credentials()
    with pytest.raises(Misconfigured) as raised:
        backend.provider.submit(batch, members)
    assert raised.value.had_no_effect
    backend.recover()
    accepted(backend, *pay_again(members))
    backend.settle()
    assert len(backend.paid()) == 1


def test_wrong_credentials_need_a_person(backend: Backend) -> None:
    batch, members = pay(backend.succeeds())
    followed = accepted(backend, batch, members)
    backend.provider.check()
    backend.reject_credentials()
    calls: list[Callable[[], object]] = [
        lambda: backend.provider.submit(*pay(backend.succeeds())),
        lambda: backend.provider.fetch(followed),
        lambda: backend.provider.cancel("any"),
        backend.provider.check,
    ]
    for call in calls:
        with pytest.raises(Misconfigured):
            call()
    backend.recover()
    backend.provider.check()


# --- fetch and cancel


def test_every_item_is_followed_to_its_outcome(backend: Backend) -> None:
    sent = pay_each(backend, backend.succeeds(), backend.fails(), backend.waits())
    followed = [accepted(backend, *each) for each in sent]
    first = [report for batch in followed for report in backend.provider.fetch(batch)]
    assert [report.item_id for report in first] == [m.item_id for each in sent for m in each[1]]
    assert {report.status for report in first} == {Status.SUBMITTED}
    backend.settle()
    reports = [report for batch in followed for report in backend.provider.fetch(batch)]
    paid, failed, waiting = reports
    assert (paid.status, paid.reason) == (Status.SUCCEEDED, None)
    assert paid.transaction_id
    assert failed.status is backend.failed
    assert failed.reason
    assert waiting.status is backend.waiting
    assert all(report.provider_item_id and report.raw_status for report in reports)


def test_a_large_batch_is_followed_whole(backend: Backend) -> None:
    size = min(backend.provider.batch_size, 500)
    followed = accepted(backend, *pay(*(backend.succeeds() for _ in range(size))))
    backend.settle()
    assert len(reports_of(backend, followed)) == size


def test_what_it_tells_agrees_with_what_was_asked_for(backend: Backend) -> None:
    batch, members = pay(backend.succeeds())
    followed = accepted(backend, batch, members)
    [report] = backend.provider.fetch(followed)
    assert report.money in {members[0].money, None}
    assert report.receiver is None or names_payee(backend.provider, members[0], report.receiver)


def test_an_unclaimed_item_is_taken_back(backend: Backend) -> None:
    batch, members = pay(backend.waits())
    followed = accepted(backend, batch, members)
    backend.hold()
    [waiting] = backend.provider.fetch(followed)
    assert waiting.provider_item_id
    for _ in range(2):  # the second time it tells what became of it
        report = backend.provider.cancel(waiting.provider_item_id)
        assert report.item_id == members[0].item_id
        assert report.status in {Status.RETURNED, Status.CANCELLED}
    [after] = backend.provider.fetch(followed)
    assert after.status is report.status


def test_an_item_that_was_paid_cannot_be_taken_back(backend: Backend) -> None:
    followed = accepted(backend, *pay(backend.succeeds()))
    backend.settle()
    [paid] = backend.provider.fetch(followed)
    assert backend.provider.cancel(paid.provider_item_id or "").status is Status.SUCCEEDED


def test_a_cancellation_whose_answer_is_lost_is_unknown(backend: Backend) -> None:
    followed = accepted(backend, *pay(backend.waits()))
    backend.hold()
    [waiting] = backend.provider.fetch(followed)
    backend.lose_answers(acting=True)
    with pytest.raises(OutcomeUnknown):
        backend.provider.cancel(waiting.provider_item_id or "")
    backend.recover()
    [after] = backend.provider.fetch(followed)
    assert after.status in {Status.RETURNED, Status.CANCELLED}


def test_it_can_be_closed_twice(backend: Backend) -> None:
    backend.provider.check()
    backend.provider.close()
    backend.provider.close()
