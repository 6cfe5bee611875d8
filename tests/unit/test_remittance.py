"""Remittance: providers send on the caller's texts as they are, or the payment is refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from paymentapp.errors import OutcomeUnknown
from paymentapp.models.batches import Batch, Member
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.providers.ach.provider import Ach
from paymentapp.providers.base import Accepted, Refused, RemittanceRules
from paymentapp.providers.paypal.provider import PayPal
from paymentapp.providers.stripe.provider import Stripe
from paymentapp.services.remittance import sent_on, unsendable
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import ledger
from tests.support.processes import a_process
from tests.support.records import NOW
from tests.unit.test_retries import ORDER, START

ASCII = RemittanceRules(r"[ -~]{1,9}", "Must be 1 to 9 ASCII characters.")
ALL = RemittanceRules(metadata=True, reserved_keys=frozenset({"batch_id"}))
TEXTS = CallerTexts("r", "For June", (("a", "b"),))
SECRET = CallerTexts(None, "Ada has the flu")


class Silent(LedgerProvider):
    """A provider that sends on everything, and never answers."""

    remittance = ALL

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[Member]] = []

    def submit(self, batch: Batch, members: Sequence[Member]) -> Accepted | Refused:
        self.seen.append([*members])
        super().submit(batch, members)
        raise OutcomeUnknown("TIMEOUT")


def sending(name: str, rules: RemittanceRules | None) -> LedgerProvider:
    provider = ledger(name)
    provider.remittance = rules
    return provider


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (None, (None, ())),
        (ASCII, ("For June", ())),
        (ALL, ("For June", (("a", "b"),))),
    ],
)
def test_a_provider_sends_on_what_it_declares(
    rules: RemittanceRules | None, expected: tuple[object, object]
) -> None:
    assert sent_on(sending("wire", rules), TEXTS) == expected


def test_what_a_provider_cannot_send_on_is_refused_with_its_rule_and_without_the_text() -> None:
    problem = unsendable(sending("wire", ASCII), SECRET)
    assert problem is not None
    expected = ("description", "wire: Must be 1 to 9 ASCII characters.")
    assert (problem.field, str(problem)) == expected


def test_keys_of_the_providers_own_are_refused_where_it_sends_on_metadata() -> None:
    texts = CallerTexts(metadata=(("a", "b"), ("batch_id", "x")))
    problem = unsendable(sending("wire", ALL), texts)
    assert problem is not None
    assert (problem.field, str(problem)) == ("metadata/batch_id", "wire: this key is reserved.")
    assert unsendable(sending("wire", ASCII), texts) is None


@pytest.mark.parametrize("rules", [None, RemittanceRules()])
def test_without_a_rule_every_text_is_accepted(rules: RemittanceRules | None) -> None:
    texts = CallerTexts("r", "🙂\u00a0" * 100, (("batch_id", "x"),))
    assert unsendable(sending("wire", rules), texts) is None


@pytest.mark.parametrize(
    ("provider", "description", "fits"),
    [
        (PayPal, "🙂" * 200, True),
        (Stripe, "🙂" * 200, True),
        (Ach, "~" * 80, True),
        (Ach, "a b", True),
        (Ach, "~" * 81, False),
        (Ach, " a", False),
        (Ach, "a ", False),
        (Ach, "für", False),
        (Ach, "a\n", False),
    ],
)
def test_the_providers_rules(provider: type, description: str, *, fits: bool) -> None:
    texts = CallerTexts(None, description)
    problem = unsendable(sending("wire", provider.remittance), texts)  # type: ignore[attr-defined]
    assert (problem is None) is fits


def test_a_batch_that_is_sent_again_has_the_same_texts() -> None:
    provider = Silent()
    services = a_process(MemoryStore(), lambda: START, provider)
    services.customers.register("ada", "ada@example.com", {})
    payment = services.payments.request(ORDER._replace(texts=TEXTS)).payment
    batch = services.dispatcher.submit([payment])
    assert batch is not None
    another = a_process(services.store, lambda: NOW, provider)
    another.dispatcher.resume(batch)
    first, second = provider.seen
    assert first == second
    assert [(each.description, each.metadata) for each in first] == [TEXTS[1:3]]
