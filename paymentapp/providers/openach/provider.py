"""OpenACH and achbanking.com: a payment is a profile with one account and one schedule.

There is no idempotency key, no webhook and no word of a return. Why each step is as it is:
`docs/decisions/0070-openach.md`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta

from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.batches import UNKNOWN_ATTEMPT, Batch, Member
from paymentapp.models.explanations import Explanation
from paymentapp.providers.bank_mail.folders import BankFolder
from paymentapp.providers.bank_mail.incoming_state import IncomingState
from paymentapp.providers.bank_mail.reading import BankFileReader
from paymentapp.providers.base import (
    Accepted,
    CurrencyRule,
    Detail,
    Environment,
    Kit,
    NeedsReview,
    Outcome,
    Provider,
    Refused,
    RemittanceRules,
)
from paymentapp.providers.effects import effects_possible
from paymentapp.providers.http import Http
from paymentapp.providers.openach.api import OpenAchApi
from paymentapp.providers.openach.armed import ArmedPlan, too_late
from paymentapp.providers.openach.orders import (
    NotAnOrder,
    OpenAchOrder,
    Orders,
    SentPayments,
    local_date,
)
from paymentapp.providers.openach.outcomes import OpenAchOutcomes
from paymentapp.providers.openach.payees import OpenAchPayees
from paymentapp.providers.openach.records import (
    ENABLED,
    Found,
    Records,
    differences,
    read_complete,
)
from paymentapp.providers.openach.returns import OpenAchMailbox, OpenAchMatcher
from paymentapp.providers.openach.settings import ARMED, OpenAchSettings
from paymentapp.providers.openach.tables import RESENT_WITHIN, OpenAchError
from paymentapp.providers.store_errors import store_errors_as
from paymentapp.providers.updates import ItemReport

log = logging.getLogger(__name__)

NOT_AN_ORDER = "NOT_AN_ORDER"
_CALLS = 16  # at most, of one submission: with connections, and with sessions that have ended
_SPARE_DAYS = 2  # before the last run: dates of the server may be others than ours


class OpenAch(Provider):
    """Pays by schedules of OpenACH. Any number of threads may share it."""

    name = "openach"
    forgets_batch_after: timedelta | None = None  # an external id is there for good
    looks_before_resending = True
    returns_unclaimed_after: timedelta | None = None
    submits_per_second = 5  # it is PHP, and each payment takes two calls
    polls_per_second = 5
    settings_class = OpenAchSettings
    details: Sequence[Detail] = OpenAchPayees.details
    example_details: Mapping[str, str] = {
        "holder": "Ada Lovelace",
        "routing_number": "021000021",
        "account_number": "000123456789",
        "account_type": "checking",
    }
    remittance: RemittanceRules | None = None  # a schedule has no memo
    payees: OpenAchPayees
    mailbox: OpenAchMailbox

    def __init__(self, kit: Kit, settings: OpenAchSettings) -> None:
        timeout = kit.settings.provider_timeout
        self.currencies: Mapping[str, CurrencyRule] = {"USD": CurrencyRule(2, settings.most)}
        self.batch_size = 1  # what excludes a second payment is the profile of one
        self.configured = settings.is_configured and kit.vault.is_open
        self.longest_call = max(self.longest_call, _CALLS * timedelta(seconds=3 + 2 * timeout))
        self.description = settings.description
        self.environment: Environment = settings.environment
        self.payees = OpenAchPayees(kit.vault)
        self._clock = kit.clock
        self._http = Http(
            settings.base_url, connections=kit.settings.senders + 4, read_timeout=timeout
        )
        self._api = OpenAchApi(self._http, settings)
        self._records = Records(self._api)
        self._orders = Orders(kit.state, kit.vault, self.payees, settings, kit.clock)
        returns = settings.returns(timeout)
        incoming = IncomingState(kit.state, self.name)
        self._outcomes = OpenAchOutcomes(
            kit.state, settings.hold_days, kit.clock, incoming if returns else None
        )
        matcher = OpenAchMatcher(self._orders, SentPayments(kit.state), self._outcomes, kit.clock)
        self.mailbox = OpenAchMailbox(
            BankFolder(returns) if returns else None, incoming, BankFileReader(matcher), kit.clock
        )
        self._payment_type = settings.payment_type
        self._armed = (
            ArmedPlan(self._api, self._records, kit.state, kit.clock)
            if settings.plan == ARMED
            else None
        )

    @classmethod
    def build(cls, kit: Kit) -> OpenAch:
        """Build OpenACH from the settings. Raises SettingsError."""
        return cls(kit, kit.settings.variables.load(OpenAchSettings))

    def submit(self, batch: Batch, members: Sequence[Member]) -> Outcome:
        """Have the one payment of a batch made, once: the same order, whatever becomes of calls."""
        with store_errors_as(NotSent):
            self.payees.check_open()
            try:
                order, is_new = self._orders.freeze(batch.batch_id, members[0])
            except NotAnOrder as error:
                return Refused(NOT_AN_ORDER, {0: f"{NOT_AN_ORDER}: {error}"})
        if self._armed is not None:
            return self._armed.submit(batch, order, lambda: self._check_type(order))
        if not is_new:
            found = self._records.find(order.external_id)
            if found is not None:
                return self._judged(order, found)
            if self._is_over(order):
                return too_late(batch, order)
            if self._must_not_resend(batch):
                return NeedsReview(f"no profile {order.external_id}: too late to send it again")
        self._check_type(order)
        return self._send(order)

    def fetch(self, batch: Batch) -> list[ItemReport]:
        """Report on the payment of a batch, by what OpenACH has of it now."""
        with store_errors_as(NotSent):
            order = self._orders.of_batch(batch.batch_id)
            if order is None:
                raise NotSent("NO_SUCH_ORDER", "nothing was sent for the batch")
            found = self._records.find(order.external_id)
            return [self._outcomes.report(order, self._live(order, found))]

    def poll_calls(self, batch: Batch) -> int:  # noqa: ARG002  # the same for each
        """Return the calls for profile, schedules and account."""
        return 3

    def cancel(self, provider_item_id: str) -> ItemReport:
        """Report on a payment: no call takes one back for certain."""
        with store_errors_as(NotSent):
            found = self._records.find(provider_item_id)
            order = self._orders.of_external_id(provider_item_id)
            if order is None:
                raise NotSent("NO_SUCH_ORDER", "no payment of ours has this id")
            return self._outcomes.report(order, self._live(order, found))

    @staticmethod
    def explain(text: str) -> Explanation | None:
        """Return what a status, a refusal or a bank's return code means, and what to do."""
        from paymentapp.providers.openach.explanations import explain_outcome

        return explain_outcome(text)

    def check(self) -> None:
        """Connect, and look for the payment type."""
        self.payees.check_open()
        self._api.check()
        self._check_payment_type(self._payment_type)

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _send(self, order: OpenAchOrder) -> Outcome:
        """Send an order; what its answer does not settle, a look-up does, now or later."""
        answer = self._api.save("savePaymentProfileComplete", order.form)
        if answer is not None and answer.problem is None:
            made = read_complete(answer.data, order.external_id)
            if made is not None and not differences(order, made):
                return Accepted(made.schedules[0].schedule_id)
        with effects_possible():
            found = self._records.find(order.external_id)
        if found is not None:
            return self._judged(order, found)
        problem = answer.problem if answer is not None else None
        if problem is not None and problem.error is OpenAchError.REFUSED_FIELDS:
            log.warning("payment %s refused by OpenACH: %s", order.item_id, problem.code)
            return Refused(OpenAchError.REFUSED_FIELDS, {0: problem.code})
        code = problem.code if problem is not None else "UNREADABLE_ANSWER"
        raise OutcomeUnknown(code, "and no profile is found")

    def _judged(self, order: OpenAchOrder, found: Found) -> Accepted | NeedsReview:
        """Return what is there as ours, if it is exactly what was ordered."""
        wrong = differences(order, found)
        if wrong:
            return NeedsReview(f"profile {found.profile_id} differs: {', '.join(wrong)}")
        return Accepted(found.schedules[0].schedule_id)

    def _is_over(self, order: OpenAchOrder) -> bool:
        """Return whether perhaps no run takes an order any more: it is accepted, and not paid."""
        return local_date(self._clock()) + timedelta(days=_SPARE_DAYS) > order.last_run

    def _must_not_resend(self, batch: Batch) -> bool:
        """Return whether a second copy could be paid beside the first.

        An earlier attempt may have met a nightly run, and its profile may be deleted since: the
        entry is paid, and nothing refuses a second one.
        """
        begun = batch.frozen_at or batch.created_at
        is_open = batch.open_attempt == UNKNOWN_ATTEMPT
        return is_open and self._clock() - begun > RESENT_WITHIN

    def _check_type(self, order: OpenAchOrder) -> None:
        self._check_payment_type(order.form["payment_schedule_payment_type_id"])

    def _check_payment_type(self, type_id: str) -> None:
        """Check that a payment type pays, and does not take. Raises NotSent, Misconfigured."""
        found = self._records.payment_type(type_id)
        if found is None:
            raise Misconfigured("NO_PAYMENT_TYPE", "PAYMENTAPP_OPENACH_PAYMENT_TYPE is not there")
        if found.kind != "credit":
            raise Misconfigured("NOT_A_CREDIT_TYPE", "the payment type takes money")
        if found.status != ENABLED:
            raise Misconfigured("PAYMENT_TYPE_DISABLED", "no run takes payments of this type")

    def _live(self, order: OpenAchOrder, found: Found | None) -> Found | None:
        """Return what was found, by the plan `armed` without its schedules that never run."""
        return self._armed.chosen(order, found) if self._armed and found else found
